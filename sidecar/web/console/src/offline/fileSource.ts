// The session in the file, for the player: everything is here, and is unpacked in the order of time.
import { ChunkStore, type StoredChunk } from "../player/chunkStore";
import { gunzip } from "../player/gunzip";
import type { Feed, FeedEvents, Loader, LoaderEvents, SessionSource } from "../player/source";
import type { Span } from "../player/spans";
import { bytesOf, partsOf } from "./parts";
import { detailsOf, type FileSession, type InteractionTable, interactionsOf } from "./sessionFile";

/** Longest time for which chunks are unpacked without a pause, in milliseconds. */
const AT_ONCE_MS = 20;

/** Returns the session of the file around it, for one player: its parts are taken off the document. */
export function fileSource(session: FileSession): SessionSource {
  return {
    feed: (_isLive, events) => new FileFeed(chunksOf(partsOf("chunk")), events),
    loader: (events) => new FileLoader(session, events),
  };
}

/** A chunk that is not unpacked yet. */
export interface PackedChunk extends Omit<StoredChunk, "payload"> {
  unpack: () => Uint8Array;
}

/** Returns the chunks of elements, in the order of time; those of a window are in the order of recording. */
export function chunksOf(parts: readonly HTMLScriptElement[]): PackedChunk[] {
  const counts = new Map<string, number>();
  const chunks = parts.map((part) => {
    const { window: windowId = "", first = "", last = "", snapshot } = part.dataset;
    const seq = (counts.get(windowId) ?? 0) + 1;
    counts.set(windowId, seq);
    return {
      windowId,
      seq,
      firstMs: Number(first),
      lastMs: Number(last),
      hasFullSnapshot: snapshot !== undefined,
      isGzip: true,
      unpack: () => {
        const bytes = bytesOf(part.text);
        // Its text takes more memory than the bytes.
        part.remove();
        part.text = "";
        return bytes;
      },
    };
  });
  return chunks.sort((one, other) => one.firstMs - other.firstMs || one.seq - other.seq);
}

export class FileFeed implements Feed {
  readonly store = new ChunkStore();
  readonly #chunks: readonly PackedChunk[];
  readonly #events: FeedEvents;
  #hasBegun = false;
  #isClosed = false;
  #isOver = false;

  constructor(chunks: readonly PackedChunk[], events: FeedEvents) {
    this.#chunks = chunks;
    this.#events = events;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isReading(): boolean {
    return !this.#isOver;
  }

  covers(timeMs: number): boolean {
    return this.#isOver || timeMs <= this.store.completeMs;
  }

  loaded(startMs: number, endMs: number): Span {
    return { fromMs: startMs, toMs: this.#isOver ? endMs : Math.min(Math.max(this.store.completeMs, startMs), endMs) };
  }

  /** The first run has everything; further ones are not needed. */
  begin(): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      void this.#unpack();
    }
  }

  playhead(): void {
    // Nothing is fetched, and nothing is dropped.
  }

  reconnectNow(): void {
    // There is no connection.
  }

  close(): void {
    this.#isClosed = true;
  }

  async #unpack(): Promise<void> {
    let pausedMs = performance.now();
    for (const { unpack, ...chunk } of this.#chunks) {
      const stored = { ...chunk, payload: unpack() };
      if (this.store.add(stored)) {
        this.#events.onChunk(stored);
      }
      if (performance.now() - pausedMs > AT_ONCE_MS) {
        await new Promise((resolve) => setTimeout(resolve));
        pausedMs = performance.now();
      }
      if (this.#isClosed) {
        return;
      }
    }
    this.#isOver = true;
    this.#events.onEnd("complete");
  }
}

class FileLoader implements Loader {
  readonly #session: FileSession;
  readonly #events: LoaderEvents;
  isClosed = false;

  constructor(session: FileSession, events: LoaderEvents) {
    this.#session = session;
    this.#events = events;
  }

  loadDetails(): Promise<void> {
    this.#events.onDetails(detailsOf(this.#session));
    return Promise.resolve();
  }

  async loadInteractions(): Promise<boolean> {
    for (const [kind, isListed] of [["interactions", true] as const, ["movements", false] as const]) {
      for (const part of partsOf(kind)) {
        const { text } = await gunzip(bytesOf(part.text).buffer);
        this.#events.onInteractions(isListed, interactionsOf(JSON.parse(text) as InteractionTable));
      }
    }
    return true;
  }

  refreshWhile(): void {
    // The session in a file does not grow.
  }

  refreshSoon(): void {
    // As above.
  }

  close(): void {
    this.isClosed = true;
  }
}
