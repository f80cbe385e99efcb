// Dropped events, and the Custom event that reports them at their place in the recording.
import { EventType } from "@rrweb/types";
import { sum } from "../support/sum";
import { CONFIRMED, type Entry, type Loss, type LossReason } from "../wire/entry";

/** Custom event with a Loss as its payload: events are missing here. */
export const DROPPED_TAG = "afterimage.dropped";

/** Returns both as one. */
export function mergeLosses(first: Loss, second: Loss): Loss {
  return {
    ...first,
    events: first.events + second.events,
    bytes: first.bytes + second.bytes,
    fromMs: Math.min(first.fromMs, second.fromMs),
    toMs: Math.max(first.toMs, second.toMs),
  };
}

/**
 * Returns a chunk with a single event, which reports a loss.
 *
 * @param loss - The loss.
 * @param atMs - Time of that event: a time that the installation accepts, where the lost events' own may not be one.
 */
export function droppedEntry(loss: Loss, atMs = loss.fromMs): Entry {
  const event = { type: EventType.Custom, timestamp: atMs, data: { tag: DROPPED_TAG, payload: loss } };
  return {
    seq: 0,
    payload: new TextEncoder().encode(JSON.stringify([event])),
    isGzip: false,
    events: 1,
    firstMs: atMs,
    lastMs: atMs,
    hasSnapshot: false,
    policy: CONFIRMED,
    loss,
  };
}

/** Returns the loss that dropping these chunks makes. */
export function lossOf(reason: LossReason, entries: readonly Entry[], detail?: string): Loss {
  const real = entries.filter((entry) => entry.loss === undefined);
  return {
    reason,
    events: sum(real, (entry) => entry.events),
    bytes: sum(real, (entry) => entry.payload.length),
    fromMs: Math.min(...real.map((entry) => entry.firstMs)),
    toMs: Math.max(...real.map((entry) => entry.lastMs)),
    ...(detail === undefined ? {} : { detail }),
  };
}
