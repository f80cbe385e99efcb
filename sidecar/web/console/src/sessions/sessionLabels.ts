// Texts about a session in lists.
import { ActorType, DeviceType } from "@contract/recording/v1/enums_pb";
import type { Session, Totals } from "@contract/recording/v1/session_pb";
import { count } from "../format/amounts";
import { DEVICE } from "../format/enums";

/** Returns the visitor's id of the recorded site, else the type of visitor and the end of the session's id. */
export function actorText(session: Session): string {
  if (session.actorId !== "") {
    return session.actorId;
  }
  switch (session.actorType) {
    case ActorType.STAFF:
      return "Member of staff";
    case ActorType.BOT:
      return "Bot";
    default:
      return `Visitor ${session.sessionId.slice(-4)}`.trim();
  }
}

/** Returns the device: "Phone, Chrome on Android"; of an unknown device its software or viewport. */
export function deviceText({ deviceType, browser, system, viewport }: Session): string {
  const software = browser !== "" && system !== "" ? `${browser} on ${system}` : browser || system;
  if (deviceType !== DeviceType.UNSPECIFIED) {
    return [DEVICE[deviceType], software].filter((part) => part !== "").join(", ");
  }
  if (software === "" && viewport !== undefined && viewport.width > 0) {
    return `${viewport.width} × ${viewport.height} px`;
  }
  return software || DEVICE[deviceType];
}

/** Returns a URL as a list shows it: where on which site, without the query. */
export function pageText(url: string): { path: string; host: string } {
  try {
    const { pathname, host } = new URL(url);
    return { path: decodeURI(pathname), host };
  } catch {
    return { path: url === "" ? "No page yet" : url, host: "" };
  }
}

/** A kind of trouble of a visitor, and its count. */
export interface Trouble {
  tone: "danger" | "warning" | "violet" | "neutral";
  text: string;
  /** Explanation of the trouble. */
  title: string;
}

/** Returns the troubles of a session, the gravest first. */
export function troublesOf(totals: Totals | undefined): Trouble[] {
  if (totals === undefined) {
    return [];
  }
  const kinds: readonly [value: bigint, one: string, tone: Trouble["tone"], title: string][] = [
    [totals.errorCount, "error", "danger", "Errors that the page's scripts threw or printed"],
    [totals.rageClickCount, "rage click", "warning", "Many fast clicks on the same place"],
    [totals.deadClickCount, "dead click", "violet", "Clicks after which nothing happened"],
    [totals.failedRequestCount, "failed request", "danger", "Requests of the page that failed"],
    [totals.quickBackCount, "quick back", "neutral", "Pages that were left at once"],
    [totals.mouseThrashCount, "mouse thrash", "neutral", "The pointer was shaken back and forth"],
  ];
  return kinds
    .filter(([value]) => value > 0n)
    .map(([value, one, tone, title]) => ({
      tone,
      text: count(value, one, one.endsWith("sh") ? `${one}es` : `${one}s`),
      title,
    }));
}
