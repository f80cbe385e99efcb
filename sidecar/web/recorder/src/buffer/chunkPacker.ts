// Packs batches into chunks: gzip where the browser supports it, and none larger than the installation accepts.
import { EventType } from "@rrweb/types";
import type { Entry } from "../wire/entry";
import type { Limits } from "../wire/messages";
import { gunzip, gzip } from "./compression";
import { droppedEntry } from "./droppedEvents";
import type { Batch } from "./eventBuffer";

type Bytes = Uint8Array<ArrayBuffer>;

/** Size limits of a chunk. */
export type SizeLimits = Pick<Limits, "maxChunkBytes" | "maxInflatedBytes">;

const encoder = new TextEncoder();

/** Returns a batch as one chunk, not compressed: the only form that can be made without waiting. */
export function plainEntry(batch: Batch, policy: string): Entry {
  return entryOf(batch, encoder.encode(jsonOf(batch)), false, policy);
}

/** A chunk that is larger than the queue is cut into parts of the queue's size divided by this, or single events. */
const PARTS_OF_QUEUE = 4;

/**
 * Returns a batch as chunks within the limits: more than one where it has to be split. A single event above the limits
 * is replaced by an event that reports it.
 *
 * @param maxQueueBytes - A packed batch above this size is split as well: a full queue then drops only a part of it.
 */
export async function pack(
  batch: Batch,
  policy: string,
  limits: SizeLimits,
  maxQueueBytes = Infinity,
): Promise<Entry[]> {
  return packWithin(batch, policy, limits, { mostBytes: maxQueueBytes, partBytes: maxQueueBytes / PARTS_OF_QUEUE });
}

/** Preferred maximum size of a chunk, where its events allow it, and preferred size of the parts of a larger one. */
interface WantedSize {
  readonly mostBytes: number;
  readonly partBytes: number;
}

const ANY_SIZE: WantedSize = { mostBytes: Infinity, partBytes: Infinity };

async function packWithin(batch: Batch, policy: string, limits: SizeLimits, wanted: WantedSize): Promise<Entry[]> {
  const plain = encoder.encode(jsonOf(batch));
  if (plain.length <= limits.maxInflatedBytes) {
    const packed = await gzip(plain);
    const payload = packed ?? plain;
    if (payload.length <= limits.maxChunkBytes) {
      if (payload.length <= wanted.mostBytes || unitsOf(batch) <= 1) {
        return [entryOf(batch, payload, packed !== undefined, policy)];
      }
    }
  }
  return split(batch, plain.length, policy, limits, wanted);
}

/** Returns a chunk that was refused as too large as smaller ones. */
export async function repack(entry: Entry, limits: SizeLimits): Promise<Entry[]> {
  const plain = entry.isGzip ? await gunzip(entry.payload) : entry.payload;
  const events = JSON.parse(new TextDecoder().decode(plain)) as { timestamp: number; type: EventType }[];
  const batch: Batch = {
    texts: events.map((event) => JSON.stringify(event)),
    firstMs: entry.firstMs,
    lastMs: entry.lastMs,
    hasSnapshot: entry.hasSnapshot,
  };
  return split(batch, plain.length, entry.policy, limits, ANY_SIZE);
}

async function split(
  batch: Batch,
  bytes: number,
  policy: string,
  limits: SizeLimits,
  { partBytes }: WantedSize,
): Promise<Entry[]> {
  const { texts } = batch;
  if (texts.length <= 1) {
    const detail =
      `one event of ${megabytes(bytes)} exceeds the limit of the installation ` +
      `(${megabytes(limits.maxChunkBytes)} packed, ${megabytes(limits.maxInflatedBytes)} unpacked)`;
    const span = { events: texts.length, bytes, fromMs: batch.firstMs, toMs: batch.lastMs };
    return [{ ...droppedEntry({ reason: "too_large", ...span, detail }), isSnapshotLost: batch.hasSnapshot }];
  }
  const middle = batch.hasSnapshot && unitsOf(batch) > 1 ? headOf(batch) : Math.ceil(texts.length / 2);
  const parts = await Promise.all(
    [texts.slice(0, middle), texts.slice(middle)].map((part) =>
      packWithin(batchOf(part), policy, limits, { mostBytes: partBytes, partBytes }),
    ),
  );
  return parts.flat();
}

function batchOf(texts: readonly string[]): Batch {
  const events = texts.map((text) => JSON.parse(text) as { timestamp: number; type: EventType });
  const times = events.map((event) => event.timestamp);
  return {
    texts,
    firstMs: Math.min(...times),
    lastMs: Math.max(...times),
    hasSnapshot: events.some((event) => event.type === EventType.FullSnapshot),
  };
}

/** Returns the number of events at the beginning that belong together: a page's Meta and its full snapshot, or one. */
function headOf({ texts, hasSnapshot }: Batch): number {
  if (!hasSnapshot) {
    return 1;
  }
  return 1 + texts.findIndex((text) => (JSON.parse(text) as { type: EventType }).type === EventType.FullSnapshot);
}

/** Returns the number of parts that a batch can be cut into without taking a Meta from its snapshot. */
function unitsOf(batch: Batch): number {
  return batch.texts.length - headOf(batch) + 1;
}

function jsonOf(batch: Batch): string {
  return `[${batch.texts.join(",")}]`;
}

function entryOf(batch: Batch, payload: Bytes, isGzip: boolean, policy: string): Entry {
  const { texts, firstMs, lastMs, hasSnapshot } = batch;
  return { seq: 0, payload, isGzip, events: texts.length, firstMs, lastMs, hasSnapshot, policy };
}

/** Returns a human-readable size, such as "4.2 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
