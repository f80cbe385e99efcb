// What a link allows, in words.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ShareLink } from "@contract/share/v1/share_link_pb";
import { leftWords } from "./lifetime";
import { offsetWords } from "./offset";

/** Returns the part of the session that a link shows; undefined: all of it. */
export function partWords(startMs: number | undefined, endMs: number | undefined): string | undefined {
  if (startMs === undefined && endMs === undefined) {
    return undefined;
  }
  return `${offsetWords(startMs ?? 0)} to ${endMs === undefined ? "the end" : offsetWords(endMs)}`;
}

/** Returns what a link allows: when it ends, its views, its part, its passcode. */
export function linkFacts(link: ShareLink, now: number): string[] {
  const endsMs = link.expireTime === undefined ? now : timestampMs(link.expireTime);
  const part = partWords(
    link.startOffset === undefined ? undefined : durationMs(link.startOffset),
    link.endOffset === undefined ? undefined : durationMs(link.endOffset),
  );
  const views = Number(link.viewCount);
  return [
    `ends in ${leftWords(endsMs - now)}`,
    link.maxViews === undefined
      ? `${views} ${views === 1 ? "view" : "views"}`
      : `${views} of ${Number(link.maxViews)} ${link.maxViews === 1n ? "view" : "views"}`,
    ...(part === undefined ? [] : [part]),
    ...(link.passcodeRequired ? ["passcode"] : []),
  ];
}
