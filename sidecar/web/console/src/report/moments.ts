// Which moments of a session a report has pictures of. Pure.
import type { PageView } from "@contract/recording/v1/session_pb";
import type { Action } from "../player/actions";
import { timeMs } from "../player/details";
import type { Span } from "../player/spans";

/** Pages, and findings, that have a picture at most: a picture takes up to half a second and 200 KB. */
export const MOST_PICTURED = 24;

/** How long a page may take to build itself before its picture is taken, in milliseconds. */
const SETTLE_MS = 2_000;

/** How long before the next page a picture is taken at the latest, in milliseconds. */
const MARGIN_MS = 20;

/** Time from a click to its picture, which shows the click's mark, in milliseconds. */
const MARK_MS = 50;

/** A page that was opened, until the next one of its window. */
export interface PageVisit {
  windowId: string;
  url: string;
  fromMs: number;
  toMs: number;
}

/** A moment to draw a picture of; its number is that of a page, or of the pages' number and a finding's. */
export interface Moment {
  number: number;
  windowId: string;
  atMs: number;
}

/**
 * Returns the pages that were opened, in the order of time.
 *
 * @param pages Those of the session's description, which has a limit.
 * @param actions The session's actions; empty without detectors.
 */
export function visitsOf(
  pages: readonly PageView[],
  actions: readonly Action[],
  { toMs: endMs }: Span,
): readonly PageVisit[] {
  const opened = pages.map(({ windowId, url, openTime }) => ({ windowId, url, fromMs: timeMs(openTime) }));
  const acted = actions.flatMap((action) =>
    action.kind === "page" ? [{ windowId: action.windowId, url: action.url, fromMs: action.timeMs }] : [],
  );
  const ends = new Map<string, number>();
  const visits = (acted.length > opened.length ? acted : opened).toReversed().map((visit): PageVisit => {
    const toMs = Math.max(visit.fromMs, ends.get(visit.windowId) ?? endMs);
    ends.set(visit.windowId, visit.fromMs);
    return { ...visit, toMs };
  });
  return visits.reverse();
}

/** Returns the moments of the first pages and findings, in the order of windows and time. */
export function planned(visits: readonly PageVisit[], findings: readonly Action[], { fromMs, toMs }: Span): Moment[] {
  const within = (ms: number): number => Math.min(Math.max(ms, fromMs), toMs);
  const moments = [
    ...visits.slice(0, MOST_PICTURED).map((visit, number): Moment => {
      const lastMs = Math.max(visit.fromMs, visit.toMs - MARGIN_MS);
      return { number, windowId: visit.windowId, atMs: within(Math.min(visit.fromMs + SETTLE_MS, lastMs)) };
    }),
    ...findings.slice(0, MOST_PICTURED).map((finding, at): Moment => {
      return { number: pictureOfFinding(at), windowId: finding.windowId, atMs: within(finding.timeMs + MARK_MS) };
    }),
  ];
  return moments.sort((one, other) =>
    one.windowId === other.windowId ? one.atMs - other.atMs : one.windowId < other.windowId ? -1 : 1,
  );
}

/** Returns the number of a finding's picture. */
export function pictureOfFinding(at: number): number {
  return MOST_PICTURED + at;
}
