// Buffers rrweb's events: serializes them when the page is idle, and cuts batches by time, size and snapshots.
import { EventType, type eventWithTime } from "@rrweb/types";

/** The JSON of some events in a row. */
export interface Batch {
  readonly texts: readonly string[];
  readonly firstMs: number;
  readonly lastMs: number;
  readonly hasSnapshot: boolean;
}

/** Dependencies of an event buffer. */
export interface EventBufferParts {
  /** Receives a batch. */
  readonly onBatch: (batch: Batch) => void;
  /** Masks an event under the policy, after rrweb's own masking. */
  readonly mask: (event: eventWithTime) => eventWithTime;
  /** Adapts an event to the limits, given its JSON; returns whether it has changed. */
  readonly adapt: (event: eventWithTime, text: string) => boolean;
  /** Called with an event that could not be serialized. */
  readonly onUnreadable: (event: eventWithTime) => void;
  /** Whether a batch would be sent at once. If not, batches are cut by size only: an outage produces few of them. */
  readonly isFlowing: () => boolean;
}

/** Maximum duration of serialization per idle period. */
const SLICE_MS = 8;
const IDLE_TIMEOUT_MS = 400;

/** Collects events into batches. */
export class EventBuffer {
  readonly #parts: EventBufferParts;
  readonly #fullChars: number;
  #raw: eventWithTime[] = [];
  #texts: string[] = [];
  #chars = 0;
  #firstMs = 0;
  #lastMs = 0;
  #hasSnapshot = false;
  #intervalMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether serialization of the added events is scheduled. */
  #isScheduled = false;

  /**
   * @param intervalMs - Duration of a batch.
   * @param fullChars - Characters of JSON at which a batch is cut early.
   */
  constructor(parts: EventBufferParts, intervalMs: number, fullChars: number) {
    this.#parts = parts;
    this.#fullChars = fullChars;
    this.#intervalMs = intervalMs;
  }

  /** Number of events that were added since the last batch. */
  get events(): number {
    return this.#raw.length + this.#texts.length;
  }

  /** Whether a full snapshot was added since the last batch. */
  get hasSnapshot(): boolean {
    return this.#hasSnapshot || this.#raw.some((event) => event.type === EventType.FullSnapshot);
  }

  /** Adds an event. The page's own handlers call this, so the work is deferred. */
  add(event: eventWithTime): void {
    this.#raw.push(event);
    this.#timer ??= setTimeout(this.#tick, this.#intervalMs);
    this.#schedule();
  }

  /** Changes the duration of batches. */
  setInterval(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) {
      return;
    }
    this.#intervalMs = intervalMs;
    if (this.#timer === undefined) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#tick, intervalMs);
  }

  /** Emits all added events as a batch, at once. */
  flush(): void {
    this.#writeUntil(Infinity);
    this.#cut();
  }

  /** Drops the events added since the last batch, and returns their number. */
  clear(): number {
    const { events } = this;
    this.#raw = [];
    this.#reset();
    return events;
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    this.#writeUntil(Infinity);
    if (this.#parts.isFlowing()) {
      this.#cut();
    }
  };

  readonly #write = (): void => {
    this.#isScheduled = false;
    this.#writeUntil(performance.now() + SLICE_MS);
    if (this.#raw.length > 0) {
      this.#schedule();
    }
  };

  #schedule(): void {
    if (this.#isScheduled) {
      return;
    }
    this.#isScheduled = true;
    whenIdle(this.#write);
  }

  #writeUntil(deadline: number): void {
    let written = 0;
    for (const event of this.#raw) {
      this.#writeOne(event);
      written += 1;
      if (performance.now() >= deadline) {
        break;
      }
    }
    this.#raw.splice(0, written);
  }

  #writeOne(event: eventWithTime): void {
    // A page's Meta comes right before its snapshot: a replay that begins here finds both in one chunk.
    if (event.type === EventType.Meta) {
      this.#cut();
    }
    let text: string;
    try {
      const masked = this.#parts.mask(event);
      text = JSON.stringify(masked);
      if (this.#parts.adapt(masked, text)) {
        text = JSON.stringify(masked);
      }
    } catch {
      this.#parts.onUnreadable(event);
      return;
    }
    if (this.#texts.length === 0) {
      this.#firstMs = this.#lastMs = event.timestamp;
    }
    this.#firstMs = Math.min(this.#firstMs, event.timestamp);
    this.#lastMs = Math.max(this.#lastMs, event.timestamp);
    this.#hasSnapshot ||= event.type === EventType.FullSnapshot;
    this.#texts.push(text);
    this.#chars += text.length;
    if (this.#chars >= this.#fullChars) {
      this.#cut();
    }
  }

  #cut(): void {
    if (this.#texts.length === 0) {
      return;
    }
    const { length } = this.#raw;
    const batch: Batch = {
      texts: this.#texts,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      hasSnapshot: this.#hasSnapshot,
    };
    this.#reset();
    if (length > 0) {
      this.#timer = setTimeout(this.#tick, this.#intervalMs);
    }
    this.#parts.onBatch(batch);
  }

  #reset(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
    }
    this.#timer = undefined;
    this.#texts = [];
    this.#chars = 0;
    this.#hasSnapshot = false;
  }
}

/** Calls `work` when the page is idle, after 0.4 s at the latest. */
function whenIdle(work: () => void): void {
  if (typeof requestIdleCallback === "function") {
    requestIdleCallback(work, { timeout: IDLE_TIMEOUT_MS });
  } else {
    setTimeout(work, IDLE_TIMEOUT_MS / 4);
  }
}
