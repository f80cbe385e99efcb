// Unacknowledged chunks, in order: waiting, or sent.
import { sum } from "../support/sum";
import type { Entry } from "../wire/entry";
import { droppedEntry, lossOf, mergeLosses } from "./droppedEvents";

/** Maximum number of unacknowledged chunks: with an ack every 50 ms, this is well below 100 frames per second. */
const MAX_IN_FLIGHT = 32;

/**
 * A queue with a bound in bytes. A chunk is numbered when it is sent, so unsent chunks can be dropped without a gap;
 * sent chunks keep number and content, because the server may already have them.
 *
 * @param maxBytes - The bound.
 */
export class SendQueue {
  readonly #maxBytes: number;
  #entries: Entry[] = [];
  #nextSeq = 1;
  #bytes = 0;
  /** Number of entries at the front that were sent over the current connection. */
  #inFlight = 0;
  #inFlightBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Number of events in all of them. */
  get events(): number {
    return sum(this.#entries, (entry) => entry.events);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Seq of the last chunk that has one. */
  get lastSeq(): number {
    return this.#nextSeq - 1;
  }

  /** Adds a chunk at the end. */
  push(...entries: Entry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entry.payload.length;
    }
  }

  /** Inserts the chunks saved by an earlier page of this window at the front. */
  restore(entries: readonly Entry[]): void {
    this.#entries.unshift(...entries);
    this.#bytes += sizeOf(entries);
    this.#nextSeq = Math.max(this.#nextSeq, ...entries.map((entry) => entry.seq + 1));
  }

  /** Removes the chunks that `mayLeave` refuses, and returns them. */
  discard(mayLeave: (entry: Entry) => boolean): Entry[] {
    const bad = this.#entries.filter((entry) => !mayLeave(entry));
    if (bad.length > 0) {
      this.#entries = this.#entries.filter(mayLeave);
      this.#bytes -= sizeOf(bad);
      this.#recall();
    }
    return bad;
  }

  /** A server expects `nextSeq`: chunks below are stored, all others are sent again. */
  resume(nextSeq: number): void {
    this.ack(nextSeq - 1);
    this.rewind(nextSeq);
  }

  /** The connection was lost. */
  disconnected(): void {
    this.#inFlight = this.#inFlightBytes = 0;
  }

  /**
   * Returns the chunk to send next, with its number; undefined: the queue is empty, or the limits are reached.
   *
   * @param maxUnackedBytes - Maximum number of unacknowledged bytes. One chunk is always allowed.
   */
  take(maxUnackedBytes: number): Entry | undefined {
    const entry = this.#entries[this.#inFlight];
    if (entry === undefined || this.#inFlight >= MAX_IN_FLIGHT) {
      return undefined;
    }
    if (this.#inFlight > 0 && this.#inFlightBytes + entry.payload.length > maxUnackedBytes) {
      return undefined;
    }
    this.#number(entry);
    this.#inFlight += 1;
    this.#inFlightBytes += entry.payload.length;
    return entry;
  }

  /** Removes the stored chunks: those up to this seq. */
  ack(throughSeq: number): void {
    let stored = 0;
    for (const entry of this.#entries) {
      if (entry.seq === 0 || entry.seq > throughSeq) {
        break;
      }
      stored += 1;
    }
    const gone = this.#entries.splice(0, stored);
    this.#bytes -= sizeOf(gone);
    const inFlight = gone.slice(0, this.#inFlight);
    this.#inFlight -= inFlight.length;
    this.#inFlightBytes -= sizeOf(inFlight);
  }

  /** The server lacks the chunks from `expectedSeq` on: numbering restarts there. Returns how many were in flight. */
  rewind(expectedSeq: number): number {
    const were = this.#inFlight;
    this.ack(expectedSeq - 1);
    for (const entry of this.#entries) {
      entry.seq = 0;
    }
    this.#nextSeq = expectedSeq;
    this.#inFlight = this.#inFlightBytes = 0;
    return were;
  }

  /** Replaces a chunk that is not in flight by others. The first of them inherits its number, if it had one. */
  replace(entry: Entry, others: readonly Entry[]): void {
    const index = this.#entries.indexOf(entry);
    if (index < 0) {
      return;
    }
    this.#entries.splice(index, 1, ...others);
    this.#bytes += sizeOf(others) - entry.payload.length;
    this.#recall();
  }

  /** Numbers all chunks: a beacon needs the numbers as well. */
  numberAll(): void {
    for (const entry of this.#entries) {
      this.#number(entry);
    }
  }

  /** Number of bytes since the last full snapshot that were never sent. */
  get bytesSinceSnapshot(): number {
    const last = this.#entries.findLastIndex((entry) => entry.hasSnapshot);
    return sizeOf(this.#entries.slice(last + 1).filter((entry) => entry.seq === 0));
  }

  /**
   * Brings the queue below its bound. The oldest unsent chunks are dropped first, up to the next full snapshot: a replay
   * can only resume there after a gap. A chunk reports the loss in their place. The newest events stay: a later
   * snapshot does not displace them, events after that snapshot do. Until then the queue exceeds its bound by at most
   * that snapshot.
   *
   * Where the newest chunks alone exceed the bound, there is no snapshot to wait for: the oldest of them are dropped
   * until the rest fits. A single event above the bound is dropped; a full snapshot above it is kept.
   *
   * @param newest - The chunks that were added last, all of one batch.
   * @returns Number of dropped events, and whether a snapshot is needed: to drop more, or after a gap.
   */
  shrink(newest: readonly Entry[] = []): { dropped: number; needsSnapshot: boolean } {
    let dropped = this.#giveUpLarge();
    let isHole = dropped > 0;
    const fresh = newest.filter((entry) => !entry.hasSnapshot && this.#mayGo(entry));
    if (sizeOf(fresh) > this.#maxBytes) {
      for (let first = this.#oldest(); this.#bytes > this.#maxBytes; first = this.#oldest()) {
        if (first < 0 || this.#entries[first] === fresh.at(-1)) {
          break;
        }
        dropped += this.#giveUp(first, first + 1);
        isHole = true;
      }
    }
    while (this.#bytes > this.#maxBytes) {
      const first = this.#oldest();
      const last = this.#entries.findLastIndex((entry) => entry.loss === undefined && !isSnapshotOnly(entry));
      const end = this.#entries.findIndex((entry, index) => first >= 0 && index > first && entry.hasSnapshot);
      if (end < 0 || end > last) {
        isHole ||= first >= 0 && this.#entries.at(-1)?.hasSnapshot === false;
        break;
      }
      dropped += this.#giveUp(first, end);
    }
    return { dropped, needsSnapshot: isHole };
  }

  /** Drops single events above the bound. */
  #giveUpLarge(): number {
    let dropped = 0;
    for (const entry of this.#entries.filter((each) => each.payload.length > this.#maxBytes)) {
      const index = this.#entries.indexOf(entry);
      if (entry.events === 1 && !entry.hasSnapshot && this.#mayGo(entry)) {
        dropped += this.#giveUp(index, index + 1);
      }
    }
    return dropped;
  }

  /** Whether a chunk was never sent, and may be dropped. */
  #mayGo(entry: Entry): boolean {
    return entry.seq === 0 && entry.loss === undefined;
  }

  /** Returns the index of the oldest chunk that may be dropped; below 0: there is no such chunk. */
  #oldest(): number {
    return this.#entries.findIndex((entry, index) => index >= this.#inFlight && this.#mayGo(entry));
  }

  #giveUp(first: number, end: number): number {
    const gone = this.#entries.slice(first, end);
    let loss = lossOf("queue_full", gone);
    const { events } = loss;
    for (const entry of gone) {
      if (entry.loss !== undefined) {
        loss = mergeLosses(loss, entry.loss);
      }
    }
    let begin = first;
    const before = this.#entries[first - 1];
    if (before?.loss?.reason === "queue_full" && before.seq === 0) {
      loss = mergeLosses(before.loss, loss);
      begin = first - 1;
    }
    const note = droppedEntry(loss);
    const replaced = this.#entries.splice(begin, end - begin, note);
    this.#bytes += note.payload.length - sizeOf(replaced);
    return events;
  }

  #number(entry: Entry): void {
    if (entry.seq !== 0) {
      return;
    }
    entry.seq = this.#nextSeq;
    this.#nextSeq += 1;
  }

  /** No chunk counts as sent any more; assigned numbers stay. */
  #recall(): void {
    this.#inFlight = this.#inFlightBytes = 0;
  }
}

/** Whether a chunk is a page's Meta and its full snapshot, without later events. */
function isSnapshotOnly(entry: Entry): boolean {
  return entry.hasSnapshot && entry.events <= 2;
}

function sizeOf(entries: readonly Entry[]): number {
  return sum(entries, (entry) => entry.payload.length);
}
