// A visit to a share page, as states and transitions. Pure.
import type { Grant } from "./grant";

/** Where a visit is. */
export type Visit =
  /** The link is being looked up, or redeemed. */
  | { readonly at: "opening" }
  /** It needs a passcode. `problem`: the problem with the previous one; `waitUntilMs`: time of the next attempt. */
  | { readonly at: "passcode"; readonly problem?: string; readonly waitUntilMs?: number; readonly busy: boolean }
  /**
   * Its views are limited, and opening it uses one up: it waits for a click, since programs that read messages open the
   * addresses in them. `linkEndsMs`: end of the link, in milliseconds since 1970.
   */
  | { readonly at: "ready"; readonly viewsLeft: number; readonly linkEndsMs: number; readonly busy: boolean }
  /** It is open. `warning`: renewing does not succeed at present. */
  | { readonly at: "watching"; readonly grant: Grant; readonly warning?: string }
  /** There is no such link, or no longer. `wasOpen`: it ended during the visit. */
  | { readonly at: "ended"; readonly wasOpen: boolean }
  /** The address is no link's: a part of it is missing. */
  | { readonly at: "malformed" }
  /** Something is away; trying again helps. */
  | { readonly at: "failed"; readonly problem: string; readonly waitUntilMs?: number };

/** Events of a visit. */
export type VisitEvent =
  | { readonly type: "open" }
  | { readonly type: "passcodeNeeded"; readonly problem?: string; readonly waitUntilMs?: number }
  | { readonly type: "passcodeSent" }
  | { readonly type: "clickNeeded"; readonly viewsLeft: number; readonly linkEndsMs: number }
  | { readonly type: "clicked" }
  | { readonly type: "granted"; readonly grant: Grant }
  | { readonly type: "stands" }
  | { readonly type: "gone" }
  | { readonly type: "malformed" }
  | { readonly type: "failed"; readonly problem: string; readonly waitUntilMs?: number };

/** A visit that has just begun. */
export const OPENING: Visit = { at: "opening" };

/** Returns the state of a visit after an event. */
export function after(visit: Visit, event: VisitEvent): Visit {
  switch (event.type) {
    case "open":
      return OPENING;
    case "passcodeNeeded":
      return { at: "passcode", busy: false, ...said(event) };
    case "passcodeSent":
      return { at: "passcode", busy: true };
    case "clickNeeded":
      return { at: "ready", busy: false, viewsLeft: event.viewsLeft, linkEndsMs: event.linkEndsMs };
    case "clicked":
      return visit.at === "ready" ? { ...visit, busy: true } : visit;
    case "granted":
      return { at: "watching", grant: event.grant };
    case "stands":
      return visit.at === "watching" ? { at: "watching", grant: visit.grant } : visit;
    case "gone":
      return { at: "ended", wasOpen: visit.at === "watching" || (visit.at === "ended" && visit.wasOpen) };
    case "malformed":
      return { at: "malformed" };
    case "failed":
      // Watching continues for as long as its grant is valid.
      return visit.at === "watching"
        ? { at: "watching", grant: visit.grant, warning: event.problem }
        : { at: "failed", problem: event.problem, ...said(event) };
  }
}

function said(event: { readonly problem?: string; readonly waitUntilMs?: number }): {
  readonly problem?: string;
  readonly waitUntilMs?: number;
} {
  return {
    ...(event.problem === undefined ? {} : { problem: event.problem }),
    ...(event.waitUntilMs === undefined ? {} : { waitUntilMs: event.waitUntilMs }),
  };
}
