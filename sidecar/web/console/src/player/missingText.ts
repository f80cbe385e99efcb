import { count } from "../format/amounts";
import type { MissingFiles } from "./protocol";

/** Returns the numbers of missing files: "3 pictures and 1 font are not shown"; empty: none is missing. */
export function missingText({ pictures, fonts, sheets, media }: MissingFiles): string {
  const parts = [
    [pictures, "picture"] as const,
    [fonts, "font"] as const,
    [sheets, "style sheet"] as const,
    [media, "film or sound", "films or sounds"] as const,
  ].flatMap(([many, one, several]) => (many === 0 ? [] : [count(many, one, several)]));
  const total = pictures + fonts + sheets + media;
  const last = parts.pop();
  if (last === undefined) {
    return "";
  }
  return `${parts.length === 0 ? last : `${parts.join(", ")} and ${last}`} ${total === 1 ? "is" : "are"} not shown`;
}
