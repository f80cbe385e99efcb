// Lifetimes of links: presets, parsing, and texts.

const UNITS = [
  { unit: "minutes", ms: 60_000 },
  { unit: "hours", ms: 3_600_000 },
  { unit: "days", ms: 86_400_000 },
] as const;

/** A unit in which a lifetime can be given. */
export type LifetimeUnit = (typeof UNITS)[number]["unit"];

/** Units from the smallest on. */
export const LIFETIME_UNITS: readonly LifetimeUnit[] = UNITS.map(({ unit }) => unit);

/** Offered lifetimes, in milliseconds. The server's maximum may be shorter: its response then reports it. */
export const LIFETIMES = [
  { label: "1 hour", ms: 3_600_000 },
  { label: "1 day", ms: 86_400_000 },
  { label: "7 days", ms: 7 * 86_400_000 },
  { label: "30 days", ms: 30 * 86_400_000 },
] as const;

/** Returns a number of units in milliseconds; undefined if the text is not a number above 0. */
export function lifetimeMs(amount: string, unit: LifetimeUnit): number | undefined {
  const number = Number(amount.trim().replace(",", "."));
  const factor = UNITS.find((one) => one.unit === unit)?.ms ?? 0;
  return amount.trim() !== "" && Number.isFinite(number) && number > 0 ? Math.round(number * factor) : undefined;
}

/** Returns a length of time in its two largest units, such as "2 days 3 hours" or "under a minute". */
export function timeLeftLabel(milliseconds: number): string {
  let rest = Math.floor(milliseconds / 60_000);
  if (rest < 1) {
    return "under a minute";
  }
  const words: string[] = [];
  for (const [name, minutes] of [
    ["day", 1440],
    ["hour", 60],
    ["minute", 1],
  ] as const) {
    const count = Math.floor(rest / minutes);
    rest -= count * minutes;
    if (count > 0) {
      words.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    }
  }
  return words.slice(0, 2).join(" ");
}

/** Returns a waiting time, rounded up, such as "8 s" or "2 min". */
export function waitLabel(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
