// When the visitor did something: a count for each second and window. From it come the histogram of the timeline, the
// stretches without activity, and which window was in use when.
import type { Span } from "./spans";

/** Seconds of a session that are counted; later ones share the last count. A day. */
const MOST_SECONDS = 86_400;

/** Time from which a window was in use. */
export interface WindowSegment {
  fromMs: number;
  windowId: string;
}

/** rrweb's Replayer calls a pause inactive when it is longer (`inactivePeriodThreshold`, rrweb 2.1). */
export const INACTIVE_MS = 10_000;

/** Part of a skipped pause that is shown before and after it, in milliseconds. */
const LEAD_MS = 1_000;

/** Counts of activity by second and window. */
export class Activity {
  readonly #startMs: number;
  /** Of each second twice the number of actions, and 1 where it is marked: marks and actions come in any order. */
  readonly #counts = new Map<string, Uint32Array>();
  #seconds = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Counts one action of the visitor. */
  add(windowId: string, timeMs: number): void {
    const [counts, second] = this.#at(windowId, timeMs);
    counts[second] = (counts[second] ?? 0) + 2;
  }

  /** Notes activity in a second, as reported by the events of a chunk, counted already or not. */
  mark(windowId: string, timeMs: number): void {
    const [counts, second] = this.#at(windowId, timeMs);
    counts[second] = (counts[second] ?? 0) | 1;
  }

  /** Returns the amount of activity in each of `bins` equal parts of a span. */
  histogram(span: Span, bins: number): number[] {
    const sums = new Array<number>(bins).fill(0);
    const length = Math.max(1, span.toMs - span.fromMs);
    for (let second = 0; second < this.#seconds; second += 1) {
      const bin = Math.floor(((this.#startMs + second * 1000 + 500 - span.fromMs) / length) * bins);
      if (bin >= 0 && bin < bins) {
        sums[bin] = (sums[bin] ?? 0) + this.#sum(second);
      }
    }
    return sums;
  }

  /** Returns the skippable parts of pauses longer than `INACTIVE_MS`, in the order of time. All activity in the span must have been counted. */
  pauses(span: Span): Span[] {
    const found: Span[] = [];
    const close = (fromMs: number, toMs: number): void => {
      if (toMs - fromMs > INACTIVE_MS) {
        found.push({ fromMs: fromMs + LEAD_MS, toMs: toMs - LEAD_MS });
      }
    };
    let quietSinceMs = span.fromMs;
    for (let second = 0; second < this.#seconds; second += 1) {
      if (this.#sum(second) === 0) {
        continue;
      }
      const timeMs = this.#startMs + second * 1000;
      if (timeMs >= span.toMs) {
        break;
      }
      if (timeMs > quietSinceMs) {
        close(quietSinceMs, timeMs);
      }
      quietSinceMs = Math.max(quietSinceMs, timeMs + 1000);
    }
    close(quietSinceMs, span.toMs);
    return found;
  }

  /**
   * Returns the windows in use, in the order of time; the first segment begins with the session.
   *
   * @param windows The windows and when they were opened: opening one is using it.
   */
  segments(windows: readonly WindowSegment[]): WindowSegment[] {
    const openedIn = new Map<number, string>();
    for (const { windowId, fromMs } of windows) {
      openedIn.set(Math.max(0, Math.floor((fromMs - this.#startMs) / 1000)), windowId);
    }
    const seconds = Math.max(this.#seconds, ...[...openedIn.keys()].map((second) => second + 1));
    const found: WindowSegment[] = [];
    let current: string | undefined;
    for (let second = 0; second < seconds; second += 1) {
      const opened = openedIn.get(second);
      const used = opened ?? this.#mostUsed(second, current);
      if (used !== undefined && used !== current) {
        found.push({ fromMs: found.length === 0 ? this.#startMs : this.#startMs + second * 1000, windowId: used });
        current = used;
      }
    }
    return found;
  }

  /** The counts of a window, with room for a moment, and the moment's second. */
  #at(windowId: string, timeMs: number): [counts: Uint32Array, second: number] {
    const second = Math.min(Math.max(0, Math.floor((timeMs - this.#startMs) / 1000)), MOST_SECONDS - 1);
    let counts = this.#counts.get(windowId);
    if (counts === undefined || counts.length <= second) {
      const larger = new Uint32Array(Math.max(64, (second + 1) * 2));
      if (counts !== undefined) {
        larger.set(counts);
      }
      counts = larger;
      this.#counts.set(windowId, counts);
    }
    this.#seconds = Math.max(this.#seconds, second + 1);
    return [counts, second];
  }

  #sum(second: number): number {
    let sum = 0;
    for (const counts of this.#counts.values()) {
      sum += amount(counts[second]);
    }
    return sum;
  }

  /** The window that stays in use while anything is done in it, else the one in which most is done. */
  #mostUsed(second: number, current: string | undefined): string | undefined {
    if (current !== undefined && amount(this.#counts.get(current)?.[second]) > 0) {
      return current;
    }
    let best: string | undefined;
    let most = 0;
    for (const [windowId, counts] of this.#counts) {
      const count = amount(counts[second]);
      if (count > most) {
        [best, most] = [windowId, count];
      }
    }
    return best;
  }
}

/** Returns the number of actions that are known of in a second: 1 where it is only marked. */
function amount(count = 0): number {
  return count >>> 1 || count & 1;
}

/** Returns the window in use at a moment; undefined: no segment covers it. */
export function windowAt(segments: readonly WindowSegment[], timeMs: number): string | undefined {
  return (segments.findLast((segment) => segment.fromMs <= timeMs) ?? segments[0])?.windowId;
}

/** Returns the pause that covers a moment, if there is one. */
export function pauseAt(pauses: readonly Span[], timeMs: number): Span | undefined {
  return pauses.find((pause) => pause.fromMs <= timeMs && timeMs < pause.toMs);
}

/** Returns whether a moment lies in a pause, or in the part of it that is shown before it is skipped. */
export function isNear(pause: Span, timeMs: number): boolean {
  return pause.fromMs - LEAD_MS <= timeMs && timeMs < pause.toMs;
}
