// Keeping to the newest moment of a session that is still recorded. The playhead runs on the visitor's clock, a little
// behind the newest event, so that movements come evenly although chunks come in bursts.

/** How far behind the newest event the playhead keeps, in milliseconds: a recorder that is watched sends every 250 ms. */
const TARGET_MS = 300;
const NEAR_MS = 150;
const FAR_MS = 600;

/** Farther behind than this, in milliseconds, it jumps. */
const JUMP_MS = 2_500;

/** What to do when a chunk has come. */
export type Correction = { kind: "speed"; speed: number } | { kind: "jump"; toMs: number };

/** Returns how the playhead gets to its place behind the newest event. */
export function correction(newestMs: number, atMs: number): Correction {
  const behindMs = newestMs - atMs;
  if (behindMs > JUMP_MS) return { kind: "jump", toMs: newestMs - TARGET_MS };
  if (behindMs > FAR_MS) return { kind: "speed", speed: 1.5 };
  if (behindMs < NEAR_MS) return { kind: "speed", speed: 0.85 };
  return { kind: "speed", speed: 1 };
}

/** Measures how far what is shown is behind the visitor. */
export class LagMeter {
  #leastMs = Infinity;

  /** Takes note of a chunk that came at `nowMs` by the viewer's clock, its last event by the visitor's. */
  arrived(lastMs: number, nowMs: number): void {
    this.#leastMs = Math.min(this.#leastMs, nowMs - lastMs);
  }

  /**
   * Returns the lag, in milliseconds; null: nothing has come yet.
   *
   * The two clocks are taken to be right when they agree within two seconds; else the fastest chunk is taken to have
   * come without delay.
   */
  lagMs(atMs: number, nowMs: number): number | null {
    if (this.#leastMs === Infinity) return null;
    const skewMs = this.#leastMs >= 0 && this.#leastMs <= 2_000 ? 0 : this.#leastMs;
    return Math.max(0, nowMs - atMs - skewMs);
  }
}
