// Moments of a session as people write them: "1:23", "1:02:03", "83", "83.5 s".

/** Returns milliseconds; undefined for an empty text, NaN for an invalid one. */
export function parseOffset(text: string): number | undefined {
  const trimmed = text.trim().replace(",", ".").replace(/\s*s$/, "");
  if (trimmed === "") {
    return undefined;
  }
  const [, hours = "0", minutes = "0", seconds] = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$/.exec(trimmed) ?? [];
  if (seconds === undefined) {
    return NaN;
  }
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000);
}

/** Returns a moment as `parseOffset` reads it, to a tenth of a second: "1:23", "0:07.5". */
export function offsetText(milliseconds: number): string {
  const tenths = Math.max(0, Math.round(milliseconds / 100));
  const total = Math.floor(tenths / 10);
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const two = (part: number): string => part.toString().padStart(2, "0");
  const fraction = tenths % 10 === 0 ? "" : `.${tenths % 10}`;
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(total % 60)}${fraction}`;
}
