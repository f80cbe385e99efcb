// Texts about the limits of a link.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type ShareLink, ShareLinkState } from "@contract/share/v1/share_link_pb";
import { timeLeftLabel } from "./lifetime";
import { offsetText } from "./offset";

/** Returns the part of the session that a link shows; undefined: all of it. */
export function partLabel(startMs: number | undefined, endMs: number | undefined): string | undefined {
  if (startMs === undefined && endMs === undefined) {
    return undefined;
  }
  return `${offsetText(startMs ?? 0)} to ${endMs === undefined ? "the end" : offsetText(endMs)}`;
}

/** Returns where a link starts that was wished to start elsewhere; undefined: it starts where it was wished to. */
export function movedLabel({ startOffset, requestedStartOffset }: ShareLink): string | undefined {
  if (startOffset === undefined || requestedStartOffset === undefined) {
    return undefined;
  }
  const [startMs, wishedMs] = [durationMs(startOffset), durationMs(requestedStartOffset)];
  if (startMs === wishedMs) {
    return undefined;
  }
  const from = `It shows the session from ${offsetText(startMs)}, not ${offsetText(wishedMs)}:`;
  return startMs > wishedMs
    ? `${from} the next full snapshot of the page. Nothing earlier is visible.`
    : `${from} no later full snapshot of the page can start it.`;
}

/** Returns the notice of a link locked by wrong passcodes; undefined: it is not locked. */
export function lockedLabel({ state, wrongPasscodeCount }: ShareLink): string | undefined {
  return state === ShareLinkState.LOCKED
    ? `Locked after ${passcodesLabel(wrongPasscodeCount)}: it can no longer be opened, and its present viewers keep ` +
        "watching. Revoke it, and make another one with a longer passcode."
    : undefined;
}

function passcodesLabel(count: bigint): string {
  return `${Number(count).toLocaleString("en")} wrong ${count === 1n ? "passcode" : "passcodes"}`;
}

/** Returns the limits of a link: its end, views, part, passcode, download, and wrong passcodes that were entered. */
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
    ...(link.allowDownload ? ["download"] : []),
    ...(link.wrongPasscodeCount > 0n ? [passcodesLabel(link.wrongPasscodeCount)] : []),
  ];
}
