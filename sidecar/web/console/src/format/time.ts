// Times and durations for people.

/** Returns a position as on a player: "1:05", "1:02:09". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Returns a duration in its two largest units: "0.4 s", "42 s", "3 min 5 s", "1 h 20 min". */
export function duration(ms: number): string {
  if (ms < 9_950) {
    return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  }
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

/** Returns a date with its time. */
export function date(ms: number): string {
  return dateTime.format(ms);
}

/** Returns the time of a day, to the second. */
export function timeOfDay(ms: number): string {
  return clockTime.format(ms);
}

/** Returns a date with all that is known of it. */
export function fullDate(ms: number): string {
  return full.format(ms);
}

/** Returns the age of a time, in its largest unit; a date after more than a week. */
export function ago(ms: number, nowMs: number): string {
  const seconds = Math.round((ms - nowMs) / 1000);
  if (seconds > -45) {
    return relative.format(0, "second");
  }
  if (seconds > -3600) {
    return relative.format(Math.round(seconds / 60), "minute");
  }
  if (seconds > -86_400) {
    return relative.format(Math.round(seconds / 3600), "hour");
  }
  if (seconds > -7 * 86_400) {
    return relative.format(Math.round(seconds / 86_400), "day");
  }
  return dateTime.format(ms);
}
