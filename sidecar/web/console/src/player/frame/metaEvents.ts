// rrweb's Replayer shows a moment from the last Meta event before it on, and expects a full snapshot among the events
// from there to the moment (`discardPriorSnapshots`, rrweb 2.1). Between the two, or after a Meta event without a
// snapshot, it would have nothing to build the page from.
import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";

/** Brings each Meta event of a window to the moment of its full snapshot. */
export class MetaEvents {
  #held: eventWithTime | null = null;

  /**
   * Returns the next events of the window, with each Meta event directly before its full snapshot and at its time. One
   * without a snapshot up to the next Meta event is a change of the viewport. The last one waits for the next events.
   */
  withSnapshots(events: readonly eventWithTime[]): eventWithTime[] {
    const found: eventWithTime[] = [];
    const wasHeld = this.#held;
    for (const event of events) {
      if (event.type === EventType.Meta) {
        found.push(...this.#released());
        this.#held = event;
      } else if (event.type === EventType.FullSnapshot && this.#held !== null) {
        found.push({ ...this.#held, timestamp: event.timestamp }, event);
        this.#held = null;
      } else {
        found.push(event);
      }
    }
    // It waits for a chunk: a snapshot follows its Meta event at once.
    if (this.#held !== null && this.#held === wasHeld && events.length > 0) {
      found.push(...this.#released());
    }
    return found;
  }

  #released(): eventWithTime[] {
    const held = this.#held;
    this.#held = null;
    if (held?.type !== EventType.Meta) {
      return [];
    }
    const { width, height } = held.data;
    const resize: eventWithTime = {
      type: EventType.IncrementalSnapshot,
      data: { source: IncrementalSource.ViewportResize, width, height },
      timestamp: held.timestamp,
    };
    return [resize];
  }
}
