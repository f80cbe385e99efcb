// Full-jitter exponential backoff: a random time up to a limit that doubles with each failure
// (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter; docs/websocket.md names the same numbers).

/** Delays between attempts, and their maximum number. */
export interface BackoffLimits {
  /** The longest first wait, in milliseconds. */
  firstMs: number;
  /** The longest wait of all, in milliseconds. */
  longestMs: number;
  /** How many attempts may fail in a row before giving up; Infinity: never give up. */
  attempts: number;
}

export const DEFAULT_BACKOFF: BackoffLimits = { firstMs: 500, longestMs: 20_000, attempts: Infinity };

/**
 * Returns the delay before the next attempt, in milliseconds.
 *
 * @param failures How many attempts have failed in a row, at least 1.
 * @param random A number from 0 up to 1.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: number = Math.random()): number {
  const doubled = limits.firstMs * 2 ** Math.min(failures - 1, 30);
  return random * Math.min(doubled, limits.longestMs);
}
