// The times at which events are played: those of the visitor's clock, made monotone. docs/definitions.md ("Time") has
// the rule; the server has the same one (services/audit/play_time.py), and both run the cases of
// tests/support/play_times.json.

/** Steps back shorter than this do not mean that the clock was set back, in milliseconds (`CLOCK_STEP_MS`). */
const CLOCK_STEP_MS = 1_000;

/**
 * Returns the play times of a chunk's events.
 *
 * @param timesMs The events' timestamps, in the order of recording.
 * @param firstMs Play time of the first event, which the server has computed from all chunks before; the shift of the
 *   clock is in it, since it is a number of whole seconds.
 * @param lastMs Play time of the last event.
 */
export function playTimes(timesMs: readonly number[], firstMs: number, lastMs: number): number[] {
  const [first] = timesMs;
  if (first === undefined) {
    return [];
  }
  // Chunks that were stored before there was a rule have their earliest timestamp as `firstMs`.
  let shiftMs = Math.max(0, Math.floor((firstMs - Math.floor(first)) / CLOCK_STEP_MS) * CLOCK_STEP_MS);
  let latestMs = Math.max(firstMs - shiftMs, Math.floor(first));
  const lastPlayedMs = Math.max(lastMs, latestMs + shiftMs);
  return timesMs.map((time) => {
    const timeMs = Math.floor(time);
    if (timeMs >= latestMs) {
      latestMs = timeMs;
    } else if (latestMs - timeMs >= CLOCK_STEP_MS) {
      shiftMs += Math.ceil((latestMs - timeMs) / CLOCK_STEP_MS) * CLOCK_STEP_MS;
      latestMs = timeMs;
    }
    return Math.min(latestMs + shiftMs, lastPlayedMs);
  });
}
