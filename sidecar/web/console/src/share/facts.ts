// Texts about the limits of a link.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ShareLink } from "@contract/share/v1/share_link_pb";
import { timeLeftLabel } from "./lifetime";
import { offsetText } from "./offset";

/** Returns the part of the session that a link shows; undefined: all of it. */
export function partLabel(startMs: number | undefined, endMs: number | undefined): string | undefined {
  if (startMs === undefined && endMs === undefined) {
    return undefined;
  }
  return `${offsetText(startMs ?? 0)} to ${endMs === undefined ? "the end" : offsetText(endMs)}`;
}

/** Returns the limits of a link: its end, its views, its part, its passcode. */
export function linkFacts(link: ShareLink, now: number): string[] {
  const endsMs = link.expireTime === undefined ? now : timestampMs(link.expireTime);
  const part = partLabel(
    link.startOffset === undefined ? undefined : durationMs(link.startOffset),
    link.endOffset === undefined ? undefined : durationMs(link.endOffset),
  );
  const views = Number(link.viewCount);
  return [
    `ends in ${timeLeftLabel(endsMs - now)}`,
    link.maxViews === undefined
      ? `${views} ${views === 1 ? "view" : "views"}`
      : `${views} of ${Number(link.maxViews)} ${link.maxViews === 1n ? "view" : "views"}`,
    ...(part === undefined ? [] : [part]),
    ...(link.passcodeRequired ? ["passcode"] : []),
  ];
}
