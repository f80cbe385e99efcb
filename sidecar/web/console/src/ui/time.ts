// Times and lengths as people read them.

/** Returns a length as a clock shows it: "4:05", "1:02:09". */
export function clockText(lengthMs: number): string {
  const seconds = Math.max(0, Math.floor(lengthMs / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** Returns a length in words, in its largest unit: "40 seconds", "3 minutes". */
export function lengthText(lengthMs: number): string {
  const [unit, sizeMs] = UNITS.find(([, size]) => lengthMs >= size) ?? ["second", 1_000];
  const style = { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat("en", style).format(Math.floor(Math.max(0, lengthMs) / sizeMs));
}

/** Returns a moment as the time of day, to the second, in the browser's own language. */
export function timeOfDay(timeMs: number): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(timeMs);
}
