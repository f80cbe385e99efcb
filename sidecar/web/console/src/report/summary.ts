// Sentences about a session. Pure.
import type { Session } from "@contract/recording/v1/session_pb";
import { count } from "../format/amounts";
import { duration } from "../format/time";
import type { Action } from "../player/actions";
import { lengthMs } from "../player/details";

/** Returns the visitor's actions, and the faults of the page, in numbers. */
export function summaryOf(
  { duration: length, activeDuration, totals, windowCount }: Session,
  findings: readonly Action[],
  errors: number,
  requests: number,
): string[] {
  const active = activeDuration === undefined ? "" : `, ${duration(lengthMs(activeDuration))} of it active`;
  const pages = count(totals?.pageCount ?? 0n, "page");
  const windows = windowCount > 1 ? ` in ${count(windowCount, "window")}` : "";
  const clicks = count(totals?.clickCount ?? 0n, "click");
  const inputs = count(totals?.inputCount ?? 0n, "input");
  const of = (kinds: readonly Action["kind"][]): number => findings.filter(({ kind }) => kinds.includes(kind)).length;
  const parts = [
    [of(["rage"]), "rage click"] as const,
    [findings.length - of(["rage", "error", "quick-back", "thrash"]), "dead click"] as const,
    [of(["error"]), "click that an error followed", "clicks that an error followed"] as const,
    [of(["quick-back"]), "quick back"] as const,
    [of(["thrash"]), "mouse thrash", "mouse thrashes"] as const,
  ].flatMap(([many, one, several]) => (many === 0 ? [] : [count(many, one, several)]));
  return [
    `The session lasted ${duration(lengthMs(length))}${active}: ${pages}${windows}, ${clicks}, ${inputs}.`,
    parts.length === 0 ? "No signs of frustration were found." : `Signs of frustration: ${parts.join(", ")}.`,
    errors + requests === 0
      ? "No errors and no failed requests were recorded."
      : `Recorded: ${count(errors, "error")} on the console, ${count(requests, "failed request")}.`,
  ];
}
