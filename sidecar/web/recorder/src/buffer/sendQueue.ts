// Unacknowledged chunks, in order: waiting, or sent.
import type { Entry } from "../wire/entry";
import { droppedEntry, lossOf, mergeLosses } from "./droppedEvents";

/** Maximum number of unacknowledged chunks: with an ack every 50 ms, this is well below 100 frames per second. */
const MAX_IN_FLIGHT = 32;

/**
 * A queue with a bound in bytes. Numbers are given late, so what was never sent can be given up without a gap; what was
 * sent keeps its number and its content, because the server may have it already.
 *
 * @param maxBytes - The bound.
 */
export class SendQueue {
  readonly #maxBytes: number;
  #entries: Entry[] = [];
  #nextSeq = 1;
  #bytes = 0;
  /** Number of entries at the front that were sent over the present connection. */
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
    return this.#entries.reduce((sum, entry) => sum + entry.events, 0);
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

  /** The connection is gone. */
  disconnected(): void {
    this.#inFlight = this.#inFlightBytes = 0;
  }

  /**
   * Returns the chunk to send next, with its number; undefined: none, or enough is on its way.
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

  /** The server has nothing from `expectedSeq` on: numbers begin there again. Returns how many were on their way. */
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

  /** Puts others in the place of one that is not on its way. Its number, if it had one, goes to the first of them. */
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
   * Brings the queue below its bound. The oldest chunks that were never sent go first, all up to a full snapshot: behind
   * a hole, nothing can be shown before one. A chunk that reports it takes their place. The newest events stay: a
   * snapshot that follows them does not push them out, events that follow that snapshot do. Until then the queue holds
   * more than its bound, by that snapshot at most.
   *
   * Where the newest chunks are more than the bound by themselves, there is no snapshot to wait for: the oldest of them
   * go until the rest fits. One event that is more than the bound cannot be kept; a full snapshot is.
   *
   * @param newest - The chunks that were added last, all of one batch.
   * @returns How many events were given up, and whether a snapshot is needed: to give up more, or behind a hole.
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

  /** Gives up events that are more than the bound by themselves. */
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

  /** Whether a chunk was never sent, and holds what can be given up. */
  #mayGo(entry: Entry): boolean {
    return entry.seq === 0 && entry.loss === undefined;
  }

  /** Returns the index of the oldest chunk that may go; below 0: there is no such chunk. */
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

  /** Nothing counts as sent any more; numbers that were given stay. */
  #recall(): void {
    this.#inFlight = this.#inFlightBytes = 0;
  }
}

/** Whether a chunk is a page's Meta and its full snapshot, and nothing that happened since. */
function isSnapshotOnly(entry: Entry): boolean {
  return entry.hasSnapshot && entry.events <= 2;
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.payload.length, 0);
}
