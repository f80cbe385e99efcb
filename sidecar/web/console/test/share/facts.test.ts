import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { GetReplayStartResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { SessionStatus } from "@contract/recording/v1/enums_pb";
import { ShareLinkSchema, ShareLinkState } from "@contract/share/v1/share_link_pb";
import { expect, it } from "vitest";
import { linkFacts, lockedLabel, movedLabel } from "../../src/share/facts";
import { startsOf } from "../../src/share/StartHint";

it("a start that was moved is reported with both places", () => {
  const link = (startMs: number, wishedMs: number) =>
    create(ShareLinkSchema, { startOffset: durationFromMs(startMs), requestedStartOffset: durationFromMs(wishedMs) });
  expect(movedLabel(link(20_000, 10_000))).toContain("from 0:20, not 0:10");
  expect(movedLabel(link(20_000, 10_000))).toContain("Nothing earlier is visible");
  expect(movedLabel(link(5_000, 10_000))).toContain("no later full snapshot");
  expect(movedLabel(link(10_000, 10_000))).toBeUndefined();
  expect(movedLabel(create(ShareLinkSchema, { startOffset: durationFromMs(5) }))).toBeUndefined();
});

it("wrong passcodes are counted, and a locked link is reported", () => {
  const open = create(ShareLinkSchema, { state: ShareLinkState.ACTIVE, wrongPasscodeCount: 3n });
  expect(linkFacts(open, 0)).toContain("3 wrong passcodes");
  expect(lockedLabel(open)).toBeUndefined();
  const locked = create(ShareLinkSchema, { state: ShareLinkState.LOCKED, wrongPasscodeCount: 200n });
  expect(lockedLabel(locked)).toContain("Locked after 200 wrong passcodes");
});

it("starts are offsets, rounded down so that their snapshots still follow", () => {
  const found = create(GetReplayStartResponseSchema, {
    sessionStartTime: timestampFromMs(1_000_000),
    nextTime: timestampFromMs(1_020_199),
    sessionStatus: SessionStatus.ENDED,
  });
  expect(startsOf(found)).toEqual({ nextMs: 20_100, previousMs: undefined, isLive: false });
});
