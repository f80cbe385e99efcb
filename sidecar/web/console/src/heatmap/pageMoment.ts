// Chooses the moment of a session that shows a page, for the picture under its heatmap.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import type { Extent } from "./heatmapData";

/** A moment of a session at which a page is on the screen. */
export interface PageMoment {
  readonly sessionId: string;
  readonly windowId: string;
  /** Milliseconds since 1970, by the visitor's clock. */
  readonly timeMs: number;
  readonly viewport: Extent;
}

/** How long a page may take to build itself before its picture is taken, in milliseconds. */
const SETTLE_MS = 2_000;

/** How long before the next page a picture is taken at the latest, in milliseconds. */
const MARGIN_MS = 20;

/** Longest part of a page's name that a filter of sessions takes, in characters. */
const MAX_FILTER = 256;

/**
 * Returns the part of a page's name that the addresses of its visits have in common: the longest stretch between its
 * folded segments, such as "https://shop.example/orders/" of "https://shop.example/orders/:id".
 */
export function literalPart(page: string): string {
  const parts = page.split(/:(?:id|date|email)\b/);
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), "").slice(0, MAX_FILTER);
}

/**
 * Returns a moment at which a session shows a page: a little after it was opened, or just before it was left; undefined
 * where it does not.
 *
 * @param opened The session's interactions of the kind page, in the order of time.
 * @param page Normalised URL.
 * @param viewport The viewport that the heatmap is typical of: visits in one of about its width are taken first.
 */
export function pageMomentOf(opened: readonly Interaction[], page: string, viewport: Extent): PageMoment | undefined {
  const visits = opened.filter((one) => one.kind === InteractionKind.PAGE && one.page === page);
  const moments = visits.map((visit): PageMoment => {
    const start = msOf(visit);
    const next = opened.find((other) => other.windowId === visit.windowId && msOf(other) > start);
    const left = next === undefined ? Infinity : msOf(next);
    return {
      sessionId: visit.sessionId,
      windowId: visit.windowId,
      timeMs: Math.max(start, Math.min(start + SETTLE_MS, left - MARGIN_MS)),
      viewport: { width: visit.viewport?.width ?? 0, height: visit.viewport?.height ?? 0 },
    };
  });
  return nearest(moments, viewport);
}

/** Returns the moment with the viewport width nearest to that of `viewport`. */
export function nearest(moments: readonly PageMoment[], viewport: Extent): PageMoment | undefined {
  return moments.toSorted((a, b) => widthApart(a, viewport) - widthApart(b, viewport))[0];
}

/** Returns the difference of a moment's viewport width from another, in CSS pixels. */
export function widthApart(moment: PageMoment, viewport: Extent): number {
  return Math.abs(moment.viewport.width - viewport.width);
}

function msOf({ time }: Interaction): number {
  return time === undefined ? 0 : timestampMs(time);
}
