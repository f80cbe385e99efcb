// Keeping to the newest moment of a session that is still recorded. The playhead runs on the visitor's clock, as far
// behind the visitor as chunks took lately: most are there when their moment comes, and movements are shown evenly
// although chunks come in bursts. While the visitor does nothing it goes on, so that their next action is not late.

/** What is added to the time that chunks took, in milliseconds. */
const MARGIN_MS = 50;

/** How many of the latest chunks are looked at; the median counts, so that a slow one is soon forgotten. */
const LATEST = 7;

/** How far from its place, in milliseconds, the playhead is let be, hurries, and jumps. */
const NEAR_MS = 80;
const FAR_MS = 600;
const JUMP_MS = 2_500;

/** What to do with the playhead. */
export type Correction = { kind: "speed"; speed: number } | { kind: "jump"; toMs: number };

/** Returns how the playhead gets to its place; null: its place is not known yet. */
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

/** Measures how long chunks take, and how far what is shown is behind the visitor. */
export class LagMeter {
  #leastMs = Infinity;
  #latestMs: number[] = [];

  /**
   * Takes note of a chunk that came at `nowMs` by the viewer's clock, its first and last event by the visitor's.
   *
   * @param isLive Whether it was sent on as it came; a stored one tells only how far the clocks can differ.
   */
  arrived({ firstMs, lastMs }: { firstMs: number; lastMs: number }, nowMs: number, isLive: boolean): void {
    this.#leastMs = Math.min(this.#leastMs, nowMs - lastMs);
    if (isLive) {
      this.#latestMs = [...this.#latestMs, nowMs - firstMs].slice(-LATEST);
    }
  }

  /** Returns the moment that is to be shown at `nowMs`, by the visitor's clock; null: nothing has come live yet. */
  placeMs(nowMs: number): number | null {
    const inOrder = this.#latestMs.toSorted((one, other) => one - other);
    const medianMs = inOrder[Math.floor((inOrder.length - 1) / 2)];
    return medianMs === undefined ? null : nowMs - medianMs - MARGIN_MS;
  }

  /**
   * Returns the lag, in milliseconds; null: nothing has come yet.
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
