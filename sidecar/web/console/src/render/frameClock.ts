// The time of this document. It stands still while a frame is drawn, and jumps to the moment of the next one: a
// frame does not depend on the duration of any work, and a pause costs nothing. Recorded pages run no scripts: only the
// Replayer and the modules around it read this clock.

interface Timer {
  atMs: number;
  run: () => void;
}

/** Delays up to this one are not waited for by the clock: they only let other work come first. */
const AT_ONCE_MS = 1;

export class FrameClock {
  #nowMs = 0;
  #count = 0;
  readonly #timers = new Map<number, Timer>();
  #frames = new Map<number, FrameRequestCallback>();
  #delay: (run: () => void, ms: number) => void = () => undefined;

  /** Replaces the clock and the timers of a window. */
  takeOver(realm: Window): void {
    const real = realm.setTimeout.bind(realm);
    this.#delay = (run, ms) => {
      real(run, ms);
    };
    const clearReal = realm.clearTimeout.bind(realm);
    realm.performance.now = () => this.#nowMs;
    realm.requestAnimationFrame = (run) => {
      this.#count -= 1;
      this.#frames.set(this.#count, run);
      return this.#count;
    };
    realm.cancelAnimationFrame = (number) => {
      this.#frames.delete(number);
    };
    const later = (run: () => void, ms = 0): number => {
      if (ms <= AT_ONCE_MS) {
        return real(run, 0);
      }
      this.#count -= 1;
      this.#timers.set(this.#count, { atMs: this.#nowMs + ms, run });
      return this.#count;
    };
    // Of the overloads of the DOM and of Node, the one that the player's modules use.
    Object.assign(realm, {
      setTimeout: later,
      clearTimeout: (number: number | undefined) => {
        if (number !== undefined && !this.#timers.delete(number)) {
          clearReal(number);
        }
      },
    });
  }

  /** Waits by the real clock. */
  async realMs(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#delay(resolve, ms);
    });
  }

  /** Sets the time without running anything: the time of another stage. */
  jumpTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Goes on to a time: runs the timers that are due by then, each at its time, and then the animation frames. */
  advanceTo(nowMs: number): void {
    for (let due = this.#nextDue(nowMs); due !== undefined; due = this.#nextDue(nowMs)) {
      const [number, { atMs, run }] = due;
      this.#timers.delete(number);
      this.#nowMs = Math.max(this.#nowMs, atMs);
      run();
    }
    this.#nowMs = nowMs;
    const frames = this.#frames;
    this.#frames = new Map();
    for (const run of frames.values()) {
      run(nowMs);
    }
  }

  #nextDue(nowMs: number): [number, Timer] | undefined {
    let found: [number, Timer] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].atMs <= nowMs && (found === undefined || entry[1].atMs < found[1].atMs)) {
        found = entry;
      }
    }
    return found;
  }
}
