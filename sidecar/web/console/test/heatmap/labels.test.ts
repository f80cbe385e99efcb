import { create } from "@bufbuild/protobuf";
import { HeatmapKind, PageSummarySchema } from "@contract/audit/v1/heatmap_pb";
import { DeviceType } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import {
  clickedHeading,
  clickedNotes,
  emptyLabels,
  hitLabel,
  legendLabels,
  shortName,
  summaryLabels,
} from "../../src/heatmap/labels";
import { clicked, heat, spot } from "./heatmaps";

const PAGE = { width: 1000, height: 2000 };

describe("labels of a heatmap", () => {
  it("show the count under the pointer", () => {
    expect(hitLabel(HeatmapKind.CLICK, { count: 1, share: 0.125 }, 23)).toBe("1 click within 23 px: 13 %");
    expect(hitLabel(HeatmapKind.RAGE, { count: 1200, share: 0.004 }, 23)).toBe("1,200 rage clicks within 23 px: 0.4 %");
    expect(hitLabel(HeatmapKind.SCROLL, { count: 5, share: 0.25 }, 23)).toBe("5 page views came this far: 25 %");
    expect(hitLabel(HeatmapKind.ATTENTION, { count: 80_500, share: 1 }, 23)).toBe(
      "in view for 1 min 20 s: 100 % of the viewing time",
    );
  });

  it("show counts in its legend", () => {
    const clicks = heat({ points: spot(30, 40, 30), samples: 40 });
    expect(legendLabels(clicks, PAGE, 25)).toEqual(["0", "15", "30 clicks within 25 px"]);
    const seen = heat({ kind: HeatmapKind.SCROLL, samples: 20, points: [{ x: 50, y: 0.5, count: 20, intensity: 1 }] });
    expect(legendLabels(seen, PAGE, 25)).toEqual(["0 %", "50 %", "100 % of page views"]);
    const looked = { ...seen, kind: HeatmapKind.ATTENTION, points: [{ x: 50, y: 0.5, count: 9_000, intensity: 1 }] };
    expect(legendLabels(looked, PAGE, 25)).toEqual(["0 s", "4.5 s", "9 s in view"]);
  });

  it("summarize its data", () => {
    expect(summaryLabels(heat({ samples: 1, sessions: 1 }))).toEqual(["1 click in 1 session."]);
    const [first, estimated, clamped] = summaryLabels(heat({ samples: 1500, sessions: 12, estimated: 3, clamped: 1 }));
    expect(first).toBe("1,500 clicks in 12 sessions.");
    expect(estimated).toMatch(/^3 samples were recorded without the page's height/);
    expect(clamped).toBe("1 lay outside of the page and is shown at its edge.");
  });
});

describe("the devices of a heatmap", () => {
  const devices = [
    { device: DeviceType.DESKTOP, sessions: 1200 },
    { device: DeviceType.MOBILE, sessions: 3 },
  ];

  it("are named where only one of them is counted", () => {
    const [, words] = summaryLabels(heat({ samples: 9, sessions: 1200, devices, device: DeviceType.DESKTOP }));
    expect(words).toBe("Only desktop; not counted: sessions on mobile (3).");
  });

  it("are named where they are mixed", () => {
    const [, words] = summaryLabels(heat({ samples: 9, sessions: 1203, devices }));
    expect(words).toMatch(/mixed, and their layouts differ: sessions on desktop \(1,200\), mobile \(3\)\.$/);
  });

  it("are not mentioned where there is only one", () => {
    expect(summaryLabels(heat({ samples: 9, devices: devices.slice(1), device: DeviceType.MOBILE }))).toHaveLength(1);
    expect(summaryLabels(heat({ samples: 9, devices: devices.slice(1) }))).toHaveLength(1);
  });
});

describe("the elements of a heatmap", () => {
  it("have a heading for kinds of clicks only", () => {
    const { CLICK, RAGE, DEAD, MOVE, SCROLL, ATTENTION } = HeatmapKind;
    expect([CLICK, RAGE, DEAD].map(clickedHeading)).toEqual(["Most clicked", "Most rage clicks", "Most dead clicks"]);
    expect([MOVE, SCROLL, ATTENTION].map(clickedHeading)).toEqual([undefined, undefined, undefined]);
  });

  it("have notes if they are cut, estimated or not known", () => {
    const listed = [clicked("Buy", 3), clicked("Save", 2)];
    expect(clickedNotes({ listed, isTruncated: false, fraction: 1 })).toEqual([]);
    expect(clickedNotes({ listed, isTruncated: true, fraction: 0.0625 })).toEqual([
      "There are more elements: these are the first 2.",
      "Their numbers are estimated from 6 % of the sessions.",
    ]);
    expect(clickedNotes({ listed: [], isTruncated: false, fraction: 1 })[0]).toMatch(/^The elements are not known/);
  });
});

it("a page is named without its site, unless there are several", () => {
  const pages = (names: string[]) => names.map((page) => create(PageSummarySchema, { page }));
  expect(shortName("https://a.example/b", pages(["https://a.example/b", "https://a.example/"]))).toBe("/b");
  expect(shortName("https://a.example/b", pages(["https://a.example/b", "https://b.example/"]))).toBe(
    "https://a.example/b",
  );
  expect(shortName("about", pages(["about"]))).toBe("about");
});

describe("an empty heatmap", () => {
  const nothing = { kind: HeatmapKind.CLICK, hasDevice: false, hasTimes: false, hasWidths: false };

  it("names each filter that may have emptied it", () => {
    const { why, todo } = emptyLabels({ kind: HeatmapKind.RAGE, hasDevice: true, hasTimes: true, hasWidths: true });
    expect(why).toContain("no rage clicks");
    expect(todo.join(" ")).toMatch(/longer period.*all devices.*width.*Choose clicks/);
  });

  it("offers a remedy where nothing is filtered", () => {
    expect(emptyLabels(nothing).todo.join(" ")).toMatch(/Record or import/);
    expect(emptyLabels({ ...nothing, kind: HeatmapKind.ATTENTION }).todo.join(" ")).not.toMatch(/Record or import/);
  });
});
