import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { SessionFilterSchema } from "@contract/audit/v1/session_filter_pb";
import { ActorType, DeviceType, SessionStatus } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import { columnsFor } from "../../src/report/columns";
import { filterTexts } from "../../src/report/filterText";
import { lossText, replacedText } from "../../src/report/lossLabels";

describe("a filter in words", () => {
  it("has each condition, and none for all sessions", () => {
    expect(filterTexts(create(SessionFilterSchema))).toEqual([]);
    const filter = create(SessionFilterSchema, {
      actorId: "alice",
      actorTypes: [ActorType.USER, ActorType.STAFF],
      deviceTypes: [DeviceType.MOBILE],
      statuses: [SessionStatus.ENDED],
      page: "/cart",
      minDuration: durationFromMs(90_000),
      hasErrors: true,
      hasRageClicks: false,
      tags: { plan: "gold" },
    });
    expect(filterTexts(filter)).toEqual([
      "of the visitor alice",
      "Signed-in user or Staff",
      "Phone",
      "Ended",
      "page has /cart",
      "at least 1 min 30 s",
      "without rage clicks",
      "with errors",
      "tag plan is gold",
    ]);
  });
});

describe("losses in words", () => {
  it("have their cause, also one of a later recorder", () => {
    expect(lossText({ reason: "page_left", events: 1 })).toBe(
      "1 event is missing: the page was left before they were sent.",
    );
    expect(lossText({ reason: "constructor", events: 1_200 })).toBe(
      "1,200 events are missing: the recorder did not name the cause.",
    );
  });

  it("count contents that were not recorded", () => {
    expect(replacedText({ pictures: 2, fonts: 0, other: 1 })).toBe(
      "Not recorded, for their size: 2 pictures, 1 other content.",
    );
    expect(replacedText({ pictures: 0, fonts: 0, other: 0 })).toBe("");
  });
});

describe("the columns of a page", () => {
  it.each([
    [1280, 800, 1],
    [1280, 2_400, 2],
    [375, 3_000, 3],
    [1280, 12_000, 3],
    [320, 60_000, 6],
  ])("of %d by %d are %d, within the paper, in its proportions", (width, height, count) => {
    const columns = columnsFor({ width, height });
    expect(columns.count).toBe(count);
    expect(columns.width * count + 8 * (count - 1)).toBeLessThanOrEqual(686);
    expect(columns.height / count).toBeLessThanOrEqual(700);
    expect(Math.abs(columns.height / columns.width - height / width)).toBeLessThan(height / width / 10);
  });

  it("never enlarge it", () => {
    expect(columnsFor({ width: 375, height: 600 })).toEqual({ count: 1, width: 375, height: 600 });
  });
});
