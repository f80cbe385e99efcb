import { EventType } from "@rrweb/types";
import { expect, test } from "vitest";
import type { Batch } from "../../src/buffer/eventBuffer";
import { SendQueue } from "../../src/buffer/sendQueue";
import { PackQueue, type WindowUpload } from "../../src/delivery/packQueue";
import type { Uploader } from "../../src/delivery/uploader";
import { ErrorBoundary } from "../../src/support/errorBoundary";
import { Notices } from "../../src/support/status";
import type { Entry } from "../../src/wire/entry";
import { DEFAULT_LIMITS } from "../../src/wire/messages";

function windowOf(maxBytes: number): WindowUpload {
  const uploader: unknown = { limits: DEFAULT_LIMITS };
  return { queue: new SendQueue(maxBytes), uploader: uploader as Uploader };
}

/** Returns events that hardly compress, one per size. */
function batch(sizes: readonly number[], type: EventType = EventType.IncrementalSnapshot): Batch {
  const texts = sizes.map((size, index) => {
    const noise = Array.from({ length: size }, () => Math.floor(Math.random() * 36).toString(36)).join("");
    return JSON.stringify({ type, timestamp: 1000 + index, data: { noise } });
  });
  const hasSnapshot = type === EventType.FullSnapshot;
  return { texts, firstMs: 1000, lastMs: 999 + sizes.length, hasSnapshot };
}

/** Returns a PackQueue that adds packed chunks to the send queue and keeps it below its bound, as the recorder does. */
function packQueue(dropped: number[] = []): PackQueue {
  return new PackQueue(new ErrorBoundary(new Notices()), (entries: readonly Entry[], { queue }) => {
    queue.push(...entries);
    dropped.push(queue.shrink(entries).dropped);
  });
}

test("of a batch larger than the queue, the latest events stay and the rest is counted", async () => {
  const window = windowOf(10_000);
  const dropped: number[] = [];
  const work = packQueue(dropped);
  work.add(batch(Array<number>(40).fill(1000)), "p", window);
  await work.done;
  const { entries, bytes } = window.queue;
  expect(bytes).toBeLessThanOrEqual(10_000);
  const kept = entries.filter((entry) => entry.loss === undefined);
  const keptEvents = kept.reduce((sum, entry) => sum + entry.events, 0);
  expect(keptEvents).toBeGreaterThan(5);
  expect(kept.at(-1)?.lastMs).toBe(1039);
  expect(entries[0]?.loss?.events).toBe(40 - keptEvents);
  expect(dropped).toEqual([40 - keptEvents]);
});

test("of a batch that ends with one event larger than the queue, only that one is dropped", async () => {
  const window = windowOf(10_000);
  const dropped: number[] = [];
  const work = packQueue(dropped);
  work.add(batch([500, 500, 30_000]), "p", window);
  await work.done;
  expect(dropped).toEqual([1]);
  const { entries } = window.queue;
  expect(entries.flatMap((entry) => (entry.loss === undefined ? [entry.events] : []))).toEqual([2]);
  expect(entries.at(-1)?.loss).toMatchObject({ reason: "queue_full", events: 1, fromMs: 1002, toMs: 1002 });
});

test("a snapshot that is being packed is known, for its own window", async () => {
  const [window, other] = [windowOf(10_000), windowOf(10_000)];
  const work = packQueue();
  work.add(batch([100], EventType.FullSnapshot), "p", window);
  expect([work.hasSnapshotOf(window.queue), work.hasSnapshotOf(other.queue)]).toEqual([true, false]);
  await work.done;
  expect(work.hasSnapshotOf(window.queue)).toBe(false);
});
