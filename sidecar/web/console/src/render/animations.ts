// CSS animations and transitions of a recorded page, by the frames' clock. Left to itself, a browser starts some of them
// in another thread, a frame sooner or later: two renderings of one recording would not be the same.

/** Animations that are driven at most: each costs work in every frame. The others stand still. */
const MOST = 500;

interface Driven {
  /** Its own time when it was seen first, and the moment of that. */
  startMs: number;
  ownMs: number;
  /** When it is over, by its own time. */
  endMs: number;
}

export class Animations {
  #driven = new WeakMap<Animation, Driven>();

  /** Forgets all: the next ones are of another page. */
  reset(): void {
    this.#driven = new WeakMap();
  }

  /**
   * Brings the animations of documents to a moment.
   *
   * @param sinceMs Moment at which those that are new have begun.
   * @returns Whether any of them goes on after it.
   */
  bringTo(documents: readonly Document[], atMs: number, sinceMs: number): boolean {
    let isMoving = false;
    const found = documents.flatMap((each) => each.getAnimations());
    for (const [number, animation] of found.entries()) {
      isMoving = (number < MOST ? this.#bring(animation, atMs, sinceMs) : stop(animation)) || isMoving;
    }
    return isMoving;
  }

  #bring(animation: Animation, atMs: number, sinceMs: number): boolean {
    let driven = this.#driven.get(animation);
    if (driven === undefined) {
      if (animation.playState !== "running") {
        return false; // the page holds it, or it is over
      }
      const { endTime } = animation.effect?.getComputedTiming() ?? {};
      const ownMs = typeof animation.currentTime === "number" ? Math.min(animation.currentTime, 0) : 0;
      driven = { startMs: sinceMs, ownMs, endMs: Number(endTime ?? 0) };
      this.#driven.set(animation, driven);
      animation.pause();
    } else if (animation.playState !== "paused") {
      return false;
    }
    const { startMs, ownMs, endMs } = driven;
    const now = ownMs + (atMs - startMs) * animation.playbackRate;
    if (now >= endMs || animation.playbackRate <= 0) {
      animation.finish();
      return false;
    }
    animation.currentTime = now;
    return true;
  }
}

function stop(animation: Animation): boolean {
  if (animation.playState === "running") {
    animation.pause();
  }
  return false;
}
