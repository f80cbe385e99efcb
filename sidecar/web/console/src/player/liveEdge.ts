// Follows the newest moment of a session that is still recorded. The playhead runs on the visitor's clock, delayed by
// the recent delay of chunks: most arrive before their moment, and movements are shown evenly although chunks arrive in
// bursts. While the visitor is idle the playhead continues, so that the next action is not late.

/** Margin added to the delay of chunks, in milliseconds. */
const MARGIN_MS = 50;

/** Number of latest chunks that are measured; the median counts, so a slow one has little effect. */
const LATEST = 7;

/** Distances from its place, in milliseconds, at which the playhead is left alone, hurries, and jumps. */
const NEAR_MS = 80;
const FAR_MS = 600;
const JUMP_MS = 2_500;

/** Correction of the playhead. */
export type Correction = { kind: "speed"; speed: number } | { kind: "jump"; toMs: number };

/** Returns the correction that brings the playhead to its place; null: its place is not known yet. */
export function correction(placeMs: number | null, atMs: number): Correction {
  const behindMs = placeMs === null ? 0 : placeMs - atMs;
  if (placeMs !== null && behindMs > JUMP_MS) {
    return { kind: "jump", toMs: placeMs };
  }
  if (behindMs > FAR_MS) {
    return { kind: "speed", speed: 2 };
  }
  if (behindMs > NEAR_MS) {
    return { kind: "speed", speed: 1.25 };
  }
  if (behindMs < -FAR_MS) {
    return { kind: "speed", speed: 0.5 };
  }
  if (behindMs < -NEAR_MS) {
    return { kind: "speed", speed: 0.8 };
  }
  return { kind: "speed", speed: 1 };
}

/** Measures the delay of chunks, and of the picture behind the visitor. */
export class LagMeter {
  #leastMs = Infinity;
  #latestMs: number[] = [];

  /**
   * Takes note of a chunk that came at `nowMs` by the viewer's clock, its first and last event by the visitor's.
   *
   * @param isLive Whether it was forwarded on arrival; a stored one only limits the difference of the clocks.
   */
  arrived({ firstMs, lastMs }: { firstMs: number; lastMs: number }, nowMs: number, isLive: boolean): void {
    this.#leastMs = Math.min(this.#leastMs, nowMs - lastMs);
    if (isLive) {
      this.#latestMs = [...this.#latestMs, nowMs - firstMs].slice(-LATEST);
    }
  }

  /** Returns the moment to show at `nowMs`, by the visitor's clock; null: no live chunk was received yet. */
  placeMs(nowMs: number): number | null {
    const inOrder = this.#latestMs.toSorted((one, other) => one - other);
    const medianMs = inOrder[Math.floor((inOrder.length - 1) / 2)];
    return medianMs === undefined ? null : nowMs - medianMs - MARGIN_MS;
  }

  /**
   * Returns the lag, in milliseconds; null: no chunk was received yet.
   *
   * The two clocks are taken to be right when they agree within two seconds; else the fastest chunk is taken to have
   * come without delay.
   */
  lagMs(atMs: number, nowMs: number): number | null {
    if (this.#leastMs === Infinity) {
      return null;
    }
    const skewMs = this.#leastMs >= 0 && this.#leastMs <= 2_000 ? 0 : this.#leastMs;
    return Math.max(0, nowMs - atMs - skewMs);
  }
}
