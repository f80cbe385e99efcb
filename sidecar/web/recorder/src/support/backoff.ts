// Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); see docs/websocket.md.

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** Computes the delay before the next attempt. */
export class Backoff {
  #tries = 0;
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Returns a random number of milliseconds up to a bound that doubles from 0.5 s to 20 s. */
  next(): number {
    const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random() * bound;
  }

  /** Restarts at 0.5 s, after a success. */
  reset(): void {
    this.#tries = 0;
  }
}
