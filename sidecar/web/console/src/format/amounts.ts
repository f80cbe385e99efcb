// Counts and sizes for people.

const numbers = new Intl.NumberFormat();
const short = new Intl.NumberFormat("en", { notation: "compact" });
const sizes = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** Returns a count with its noun: "1 click", "3 rage clicks", "1,200 events". */
export function count(value: bigint | number, singular: string, plural = `${singular}s`): string {
  return `${numbers.format(value)} ${Number(value) === 1 ? singular : plural}`;
}

/** Returns a number with its separators. */
export function number(value: bigint | number): string {
  return numbers.format(value);
}

/** Returns a count in at most four characters: "980", "1.2K", "15K". */
export function compact(value: number): string {
  return short.format(value);
}

/** Returns a size: "340 bytes", "12 KB", "3.4 MB". */
export function size(bytes: bigint | number): string {
  const value = Number(bytes);
  if (value < 1_000) {
    return count(value, "byte");
  }
  if (value < 1_000_000) {
    return `${sizes.format(value / 1_000)} KB`;
  }
  return value < 1_000_000_000 ? `${sizes.format(value / 1_000_000)} MB` : `${sizes.format(value / 1_000_000_000)} GB`;
}
