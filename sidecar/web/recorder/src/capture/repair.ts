// Full snapshots after a loss: they have the changes of the lost events.

/** Least time between two of them, in milliseconds; doubled while there are further losses. */
const LEAST_MS = 2_000;
const MOST_MS = 120_000;

/** Dependencies of Repair. */
export interface RepairParts {
  readonly takeSnapshot: () => void;
  /** Makes later snapshots smaller; returns whether that is possible. */
  readonly tighten: () => boolean;
  readonly now: () => number;
}

/** Decides when to take a full snapshot after a loss. */
export class Repair {
  readonly #parts: RepairParts;
  #waitMs = LEAST_MS;
  #takenMs = -MOST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /**
   * Events were lost.
   *
   * @param isSnapshotTooLarge - A full snapshot is among them, and is too large: the next one has to be smaller.
   */
  lost(isSnapshotTooLarge: boolean): void {
    // A snapshot that cannot be made smaller may be so later, when the page has changed.
    const isHopeless = isSnapshotTooLarge && !this.#parts.tighten();
    if (this.#timer !== undefined) {
      return;
    }
    const nowMs = this.#parts.now();
    if (nowMs - this.#takenMs >= MOST_MS) {
      this.#waitMs = LEAST_MS;
    }
    const waitMs = isHopeless ? MOST_MS : Math.max(0, this.#takenMs + this.#waitMs - nowMs);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#takenMs = this.#parts.now();
      this.#waitMs = Math.min(MOST_MS, this.#waitMs * 2);
      this.#parts.takeSnapshot();
    }, waitMs);
  }
}
