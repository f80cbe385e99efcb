// Events that a file or a recorder has twice (PostHog/posthog#20754): the server counts them once (services/audit/
// play_time.py), and they are shown once.
import type { eventWithTime } from "@rrweb/types";

/**
 * Returns whether each event repeats the one right before it.
 *
 * @param events A chunk's events in the order of recording.
 */
export function repeats(events: readonly eventWithTime[]): boolean[] {
  return events.map((event, at) => {
    const previous = events[at - 1];
    return (
      previous?.timestamp === event.timestamp &&
      previous.type === event.type &&
      JSON.stringify(previous) === JSON.stringify(event)
    );
  });
}
