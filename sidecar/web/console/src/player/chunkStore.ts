// The chunks of one run, from one replay stream and those that resumed it after a break. Payloads stay packed here; the
// frame inflates those that it shows.

/** A chunk as the server sent it. */
export interface StoredChunk {
  windowId: string;
  seq: number;
  firstMs: number;
  lastMs: number;
  hasFullSnapshot: boolean;
  isGzip: boolean;
  payload: Uint8Array;
}

/** Chunks by window, in the order of seq; they come in the order of play. */
export class ChunkStore {
  readonly #windows = new Map<string, StoredChunk[]>();
  #bytes = 0;
  #newestMs = -Infinity;
  #newestFirstMs = -Infinity;

  /** Bytes of payload that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The latest moment of which there is an event; -Infinity: none. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** Everything up to this moment is here: chunks come in the order of their beginnings. */
  get completeMs(): number {
    return this.#newestFirstMs;
  }

  /** Takes a chunk. Returns whether it was new. */
  add(chunk: StoredChunk): boolean {
    const chunks = this.#windows.get(chunk.windowId);
    if (chunks === undefined) {
      this.#windows.set(chunk.windowId, [chunk]);
    } else if ((chunks.at(-1)?.seq ?? 0) < chunk.seq) {
      chunks.push(chunk);
    } else {
      return false;
    }
    this.#bytes += chunk.payload.byteLength;
    this.#newestMs = Math.max(this.#newestMs, chunk.lastMs);
    this.#newestFirstMs = Math.max(this.#newestFirstMs, chunk.firstMs);
    return true;
  }

  /** Returns the last received seq of each window. */
  positions(): Map<string, number> {
    return new Map([...this.#windows].map(([windowId, chunks]) => [windowId, chunks.at(-1)?.seq ?? 0]));
  }

  /** Returns the windows that can be shown at a moment. */
  windowsAt(timeMs: number): string[] {
    return [...this.#windows.keys()].filter((windowId) => this.from(windowId, timeMs) !== null);
  }

  /**
   * Returns the chunks that show a window from a moment on: from the last full snapshot before it, or from the first
   * one if no snapshot is before it. The preceding chunk is included: it may hold the snapshot's Meta event.
   *
   * @returns null: no chunk of the window holds a full snapshot.
   */
  from(windowId: string, timeMs: number): StoredChunk[] | null {
    const chunks = this.#windows.get(windowId) ?? [];
    // A chunk with its snapshot surely before the moment, else possibly before it, else the first one.
    let base = chunks.findLastIndex((chunk) => chunk.hasFullSnapshot && chunk.lastMs <= timeMs);
    if (base < 0) {
      base = chunks.findLastIndex((chunk) => chunk.hasFullSnapshot && chunk.firstMs <= timeMs);
    }
    if (base < 0) {
      base = chunks.findIndex((chunk) => chunk.hasFullSnapshot);
    }
    if (base < 0) {
      return null;
    }
    return chunks.slice(Math.max(0, base - 1));
  }

  /** Returns the chunks of a window after a seq. */
  after(windowId: string, seq: number): StoredChunk[] {
    return (this.#windows.get(windowId) ?? []).filter((chunk) => chunk.seq > seq);
  }

  /** Drops the chunks that are not needed to show any window from a moment on. */
  forgetBefore(timeMs: number): void {
    for (const windowId of this.#windows.keys()) {
      const needed = this.from(windowId, timeMs);
      if (needed === null) {
        continue;
      }
      const kept = new Set(needed);
      const chunks = this.#windows.get(windowId) ?? [];
      for (const chunk of chunks) {
        if (!kept.has(chunk)) {
          this.#bytes -= chunk.payload.byteLength;
        }
      }
      this.#windows.set(windowId, needed);
    }
  }

  /** Bytes of payload of chunks that begin after a moment. */
  bytesAfter(timeMs: number): number {
    let bytes = 0;
    for (const chunks of this.#windows.values()) {
      for (let at = chunks.length - 1; at >= 0; at -= 1) {
        const chunk = chunks[at];
        if (chunk === undefined || chunk.firstMs <= timeMs) {
          break;
        }
        bytes += chunk.payload.byteLength;
      }
    }
    return bytes;
  }
}
