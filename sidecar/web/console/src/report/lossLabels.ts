// Words for events that the recorder dropped, and for contents that it did not record. Pure.
import { count } from "../format/amounts";
import type { Loss, Replaced } from "./sessionReportData";

/** Causes, as docs/definitions.md ("Dropped events") has them. */
const CAUSES: Readonly<Record<string, string>> = {
  queue_full: "the installation was unavailable until the recorder's queue was full",
  page_left: "the page was left before they were sent",
  too_large: "one of them was too large",
  rejected: "the server refused them",
  window_taken: "another tab recorded under the same window's id",
  not_storable: "the database refused them, and the server has set them aside",
  session_full: "the session reached a quota",
  unreadable: "they could not be written as JSON",
  policy_changed: "the privacy policy had changed",
  not_recorded: "the recorder failed to record a change of the page",
};

/** Returns a sentence about events that were dropped. */
export function lossText({ reason, events }: Loss): string {
  const cause = Object.hasOwn(CAUSES, reason) ? (CAUSES[reason] ?? "") : "the recorder did not name the cause";
  return `${count(events, "event")} ${events === 1 ? "is" : "are"} missing: ${cause}.`;
}

/** Returns a sentence about contents that were left out for their size; empty: nothing was. */
export function replacedText({ pictures, fonts, other }: Replaced): string {
  const parts = [[pictures, "picture"] as const, [fonts, "font"] as const, [other, "other content"] as const].flatMap(
    ([many, one]) => (many === 0 ? [] : [count(many, one)]),
  );
  return parts.length === 0 ? "" : `Not recorded, for their size: ${parts.join(", ")}.`;
}
