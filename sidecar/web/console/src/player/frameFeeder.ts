// Keeps one stage in the frame and gives it the chunks of its window, as many as memory allows.
//
// Memory: the frame holds the events of its stage. It loads chunks while they are less than STAGE_BYTES of JSON, and
// beyond that only those of the next minute; above that, a new stage is built from the last full snapshot before the
// playhead.
import type { PageView } from "@contract/recording/v1/session_pb";
import type { ChunkStore, StoredChunk } from "./chunkStore";
import { timeMs } from "./details";
import type { FrameLink } from "./PlayerFrame";
import type { ChunkFacts, FrameChunk } from "./protocol";
import type { Span } from "./spans";

/** Size of the events that a stage loads without need, in bytes of JSON. */
export const STAGE_BYTES = 48 * 1024 * 1024;

/** Duration that a stage holds ahead of the playhead in any case, in milliseconds. */
const AHEAD_MS = 60_000;

/** A stage begins with the chunks up to this duration after its moment, in milliseconds; the others follow. */
const AT_ONCE_MS = 1_000;

interface Staged {
  number: number;
  windowId: string;
  /** The first moment that it can show. */
  fromMs: number;
  firstSeq: number;
  lastSeq: number;
  /** Last seq that the frame has loaded; later chunks are in flight. */
  takenSeq: number;
  /** Size of the loaded events in bytes of JSON, as reported by the frame. */
  rawBytes: number;
}

export class FrameFeeder {
  #link: FrameLink | null = null;
  #staged: Staged | null = null;
  #count = 0;
  #order = 0;
  /** Chunks with known or requested facts: "window/seq". */
  readonly #read = new Set<string>();
  readonly #learned = new Set<string>();
  /** Chunks that have come without their facts. */
  readonly #awaited = new Map<string, StoredChunk>();
  #unread: StoredChunk[] = [];
  #pages: readonly PageView[] = [];

  get isAttached(): boolean {
    return this.#link !== null;
  }

  /** Uses a frame from now on; the stage is lost. */
  attach(link: FrameLink): void {
    this.#link = link;
    this.#staged = null;
    // The old frame answers no more.
    this.#unread = [...this.#awaited.values()];
    for (const name of this.#awaited.keys()) {
      this.#read.delete(name);
    }
  }

  /** Takes the session's page views, in the order of time. */
  takePages(pages: readonly PageView[]): void {
    this.#pages = pages;
  }

  /** Returns whether a report follows the latest moment that was to be shown. */
  isCurrent(order: number): boolean {
    return this.#order === order;
  }

  /** Shows a moment of a window, in the current stage if that covers it, else in a new one. */
  show(store: ChunkStore, windowId: string, atMs: number, isPlaying: boolean, speed: number): void {
    const chunks = store.from(windowId, atMs);
    if (this.#link === null || chunks === null) {
      return;
    }
    const base = chunks[0]?.seq ?? 0;
    const now = chunks.filter((chunk, index) => index === 0 || chunk.firstMs <= atMs + AT_ONCE_MS);
    // The snapshot itself may be in the second one.
    const first = now.some((chunk) => chunk.hasFullSnapshot) ? now : chunks.slice(0, 2);
    const needed = first.at(-1)?.seq ?? base;
    const staged = this.#staged;
    this.#order += 1;
    if (
      staged?.windowId === windowId &&
      staged.fromMs <= atMs &&
      staged.firstSeq <= base &&
      needed <= staged.takenSeq &&
      (staged.rawBytes <= STAGE_BYTES || base <= staged.firstSeq)
    ) {
      this.#link.send({ type: "seek", order: this.#order, atMs, isPlaying });
      this.fill(store, atMs);
      return;
    }
    this.#count += 1;
    this.#staged = {
      number: this.#count,
      windowId,
      fromMs: Math.min(atMs, ...first.map((chunk) => chunk.firstMs)),
      firstSeq: base,
      lastSeq: needed,
      takenSeq: 0,
      rawBytes: 0,
    };
    for (const chunk of first) {
      this.#read.add(key(chunk));
    }
    this.#link.send({
      type: "stage",
      stage: this.#count,
      order: this.#order,
      chunks: first.map((chunk) => this.#copy(chunk)),
      atMs,
      isPlaying,
      speed,
    });
    this.fill(store, atMs);
  }

  /** Registers a received chunk. */
  arrived(chunk: StoredChunk): void {
    this.#unread.push(chunk);
    if (!this.#learned.has(key(chunk))) {
      this.#awaited.set(key(chunk), chunk);
    }
  }

  /** Returns the spans of received chunks without facts: the activity in them is not known yet. */
  unknown(): Span[] {
    // An event at the last moment belongs to the chunk.
    return [...this.#awaited.values()].map(({ firstMs, lastMs }) => ({ fromMs: firstMs, toMs: lastMs + 1 }));
  }

  /** Gives the stage the chunks that have come since, and asks for the facts of all others. */
  fill(store: ChunkStore, atMs: number): void {
    if (this.#link === null || this.#staged === null) {
      return;
    }
    this.#feed(this.#staged, store, atMs);
    for (const chunk of this.#unread) {
      if (this.#read.has(key(chunk))) {
        continue;
      }
      this.#read.add(key(chunk));
      this.#link.send({ type: "read", chunk: this.#copy(chunk) });
    }
    this.#unread = [];
  }

  /** Takes note of facts. Returns whether they are new: a chunk is read again by every stage that takes it in. */
  learned(stage: number, facts: ChunkFacts): boolean {
    const staged = this.#staged;
    if (staged?.number === stage) {
      staged.rawBytes += facts.rawBytes;
      staged.takenSeq = Math.max(staged.takenSeq, facts.seq);
    }
    const name = key(facts);
    if (this.#learned.has(name)) {
      return false;
    }
    this.#learned.add(name);
    this.#awaited.delete(name);
    return true;
  }

  /** Returns whether a smaller stage could be built for a moment. */
  isOutgrown(store: ChunkStore, atMs: number): boolean {
    const staged = this.#staged;
    if (staged === null || staged.rawBytes <= STAGE_BYTES * 1.5) {
      return false;
    }
    return (store.from(staged.windowId, atMs)?.[0]?.seq ?? 0) > staged.firstSeq + 1;
  }

  play(): void {
    this.#link?.send({ type: "play" });
  }

  pause(): void {
    this.#link?.send({ type: "pause" });
  }

  setSpeed(speed: number): void {
    this.#link?.send({ type: "speed", speed });
  }

  /** Shows nothing. */
  clear(): void {
    this.#staged = null;
    this.#link?.send({ type: "clear" });
  }

  #feed(staged: Staged, store: ChunkStore, atMs: number): void {
    for (const chunk of store.after(staged.windowId, staged.lastSeq)) {
      if (chunk.seq !== staged.lastSeq + 1) {
        break;
      }
      if (staged.rawBytes > STAGE_BYTES && chunk.firstMs > atMs + AHEAD_MS) {
        break;
      }
      staged.lastSeq = chunk.seq;
      this.#read.add(key(chunk));
      this.#link?.send({ type: "append", stage: staged.number, chunk: this.#copy(chunk) });
    }
  }

  #copy({ windowId, seq, firstMs, lastMs, isGzip, payload }: StoredChunk): FrameChunk {
    const views = this.#pages.filter((view) => view.windowId === windowId);
    // Page views may be missing: all pages of a window mostly have one origin.
    const view = views.findLast(({ openTime }) => timeMs(openTime) <= firstMs) ?? views[0];
    return { windowId, seq, firstMs, lastMs, isGzip, page: view?.url ?? "", payload: payload.slice().buffer };
  }
}

function key(chunk: { windowId: string; seq: number }): string {
  return `${chunk.windowId}/${chunk.seq}`;
}
