import { EventType } from "@rrweb/types";
import { expect, test } from "vitest";
import { gunzipSync, gzipSync } from "node:zlib";
import { pack, plainEntry, repack } from "../../src/buffer/chunkPacker";
import type { Batch } from "../../src/buffer/eventBuffer";
import type { Entry } from "../../src/wire/entry";
import { at, chunk, eventsOf } from "../chunks";

const WIDE = { maxChunkBytes: 4_000_000, maxInflatedBytes: 64_000_000 };

function batch(...sizes: number[]): Batch {
  const texts = sizes.map((size, index) => {
    const noise = Array.from({ length: size / 2 }, () => Math.floor(Math.random() * 65_536).toString(36)).join("");
    return JSON.stringify({
      type: index === 0 ? 2 : 3,
      timestamp: 1000 + index,
      data: { noise: noise.slice(0, size) },
    });
  });
  return { texts, firstMs: 1000, lastMs: 999 + sizes.length, hasSnapshot: true };
}

function unpacked(entries: readonly Entry[]): unknown[] {
  return entries.flatMap((entry) =>
    entry.isGzip ? (JSON.parse(gunzipSync(entry.payload).toString()) as unknown[]) : eventsOf(entry),
  );
}

const events = (made: Batch): unknown[] => made.texts.map((text) => JSON.parse(text) as unknown);

test("a batch becomes one packed chunk", async () => {
  const made = batch(500, 500);
  const entries = await pack(made, "p", WIDE);
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ isGzip: true, events: 2, firstMs: 1000, lastMs: 1001, hasSnapshot: true, seq: 0 });
  expect(unpacked(entries)).toEqual(events(made));
});

test("plainEntry returns one chunk, not packed", () => {
  const made = batch(500, 500);
  expect(unpacked([plainEntry(made, "p")])).toEqual(events(made));
});

test("without CompressionStream, a batch stays uncompressed", async () => {
  const present = globalThis.CompressionStream;
  // @ts-expect-error a browser without CompressionStream
  delete globalThis.CompressionStream;
  try {
    const made = batch(100);
    const entries = await pack(made, "p", WIDE);
    expect(entries[0]?.isGzip).toBe(false);
    expect(unpacked(entries)).toEqual(events(made));
  } finally {
    globalThis.CompressionStream = present;
  }
});

test.each([
  ["packed", { maxChunkBytes: 3000, maxInflatedBytes: 64_000_000 }],
  ["unpacked", { maxChunkBytes: 4_000_000, maxInflatedBytes: 3000 }],
])("a batch over the limit for %s bytes is split without loss", async (_, limits) => {
  const made = batch(1000, 1000, 1000, 1000, 1000);
  const entries = await pack(made, "p", limits);
  expect(entries.length).toBeGreaterThan(1);
  for (const entry of entries) {
    expect(entry.payload.length).toBeLessThanOrEqual(3000);
  }
  expect(unpacked(entries)).toEqual(events(made));
  expect(entries.map((entry) => entry.hasSnapshot)).toEqual([true, ...entries.slice(1).map(() => false)]);
});

test("an event above the limits is replaced by a report", async () => {
  const made = batch(100, 5000, 100);
  const entries = await pack(made, "p", { maxChunkBytes: 1500, maxInflatedBytes: 64_000_000 });
  const found = unpacked(entries) as { type: EventType; timestamp: number; data: { payload: { reason: string } } }[];
  expect(found.map((event) => event.type)).toEqual([2, EventType.Custom, 3]);
  expect(found[1]?.timestamp).toBe(1001);
  expect(found[1]?.data.payload.reason).toBe("too_large");
});

test("a batch larger than the whole queue is cut into small parts, in order", async () => {
  const made = { ...batch(...Array<number>(16).fill(1000)), hasSnapshot: false };
  const texts = made.texts.map((text) => text.replace('"type":2', '"type":3'));
  const entries = await pack({ ...made, texts }, "p", WIDE, 6000);
  expect(entries.length).toBeGreaterThan(4);
  for (const entry of entries) {
    expect(entry.payload.length).toBeLessThanOrEqual(1500);
  }
  expect(unpacked(entries)).toEqual(events({ ...made, texts }));
  expect(at(entries, entries.length - 1).lastMs).toBe(made.lastMs);
  expect(await pack({ ...made, texts }, "p", WIDE, 60_000)).toHaveLength(1);
});

test("one event larger than the queue becomes a separate, complete part: it may be sent at once", async () => {
  const made = batch(100, 5000, 100);
  const entries = await pack(made, "p", WIDE, 2000);
  expect(entries.map((entry) => [entry.events, entry.loss])).toEqual([
    [1, undefined],
    [1, undefined],
    [1, undefined],
  ]);
  expect(unpacked(entries)).toEqual(events(made));
});

test("a snapshot larger than the queue stays with its Meta, apart from later events", async () => {
  const { texts } = batch(5000, 20, 20, 20);
  const meta = JSON.stringify({ type: EventType.Meta, timestamp: 999, data: {} });
  const made = { texts: [meta, ...texts], firstMs: 999, lastMs: 1003, hasSnapshot: true };
  const entries = await pack(made, "p", WIDE, 2000);
  expect(entries.map((entry) => [entry.events, entry.hasSnapshot])).toEqual([
    [2, true],
    [3, false],
  ]);
  expect(unpacked(entries)).toEqual(events(made));
});

test("a refused chunk is split, packed or not", async () => {
  const made = batch(200, 200, 200);
  const text = `[${made.texts.join(",")}]`;
  const sent = { events: 3, firstMs: 1000, lastMs: 1002, hasSnapshot: true };
  const packed = chunk(1, 0, { ...sent, payload: new Uint8Array(gzipSync(text)) });
  const plain = chunk(1, 0, { ...sent, isGzip: false, payload: new TextEncoder().encode(text) });
  for (const entry of [packed, plain]) {
    const entries = await repack(entry, WIDE);
    expect(entries).toHaveLength(2);
    expect(unpacked(entries)).toEqual(events(made));
    expect(at(entries, 1).hasSnapshot).toBe(false);
  }
});
