import { timestampMs } from "@bufbuild/protobuf/wkt";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { DeviceType } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import {
  type Choice,
  choiceOf,
  parseWidths,
  requestOf,
  resolutionFor,
  searchOf,
  widthsText,
} from "../../src/heatmap/choice";

const CHOICE: Choice = {
  page: "https://shop.example/orders/:id",
  kind: HeatmapKind.ATTENTION,
  device: "mobile",
  period: "7d",
  widths: { min: 320, max: 767 },
};

describe("a choice", () => {
  it("survives a reload", () => {
    expect(choiceOf(new URLSearchParams(searchOf(CHOICE).toString()))).toEqual(CHOICE);
  });

  it("omits defaults from the address", () => {
    const untouched = choiceOf(new URLSearchParams("page=/"));
    expect(untouched).toEqual({
      page: "/",
      kind: HeatmapKind.CLICK,
      device: "",
      period: "",
      widths: { min: 0, max: 0 },
    });
    expect(searchOf(untouched).toString()).toBe("page=%2F");
  });

  it("ignores invalid parts of an address", () => {
    const { kind, device, period, widths } = choiceOf(new URLSearchParams("kind=x&device=fridge&time=9y&width=9-1"));
    expect({ kind, device, period, widths }).toEqual({
      kind: HeatmapKind.CLICK,
      device: "",
      period: "",
      widths: { min: 0, max: 0 },
    });
  });

  it("becomes a request", () => {
    const now = Date.UTC(2026, 0, 8);
    const request = requestOf(CHOICE, now);
    expect(request).toMatchObject({ page: CHOICE.page, kind: HeatmapKind.ATTENTION, deviceTypes: [DeviceType.MOBILE] });
    expect(request).toMatchObject({ minViewportWidth: 320, maxViewportWidth: 767 });
    expect(request.startTime && timestampMs(request.startTime)).toBe(Date.UTC(2026, 0, 1));
    const everything = requestOf({ ...CHOICE, period: "", device: "" }, now);
    expect(everything.startTime).toBeUndefined();
    expect(everything.deviceTypes).toEqual([]);
    expect(requestOf({ ...CHOICE, device: "all" }, now).deviceTypes).toEqual([]);
  });
});

it("all devices together are a choice of their own", () => {
  expect(choiceOf(new URLSearchParams("device=all")).device).toBe("all");
  expect(searchOf({ ...CHOICE, device: "all" }).get("device")).toBe("all");
});

describe("a range of widths", () => {
  it.each([
    ["", { min: 0, max: 0 }],
    ["768-1440", { min: 768, max: 1440 }],
    [" 768 – 1440 px ", { min: 768, max: 1440 }],
    ["768-", { min: 768, max: 0 }],
    ["-767", { min: 0, max: 767 }],
    ["390", { min: 390, max: 390 }],
  ])("%j is read", (text, widths) => {
    expect(parseWidths(text)).toEqual(widths);
    expect(parseWidths(widthsText(widths))).toEqual(widths);
  });

  it.each(["wide", "1440-768", "1-2-3", "-5-", "1e3", "70000"])("%j is refused in words", (text) => {
    expect(parseWidths(text)).toEqual({ problem: expect.stringMatching(/\w{4}/) as string });
  });
});

describe("the number of cells", () => {
  it("grows with the page's height, so that a tall page is not drawn coarsely", () => {
    expect(resolutionFor({ width: 1280, height: 1_600 })).toBe(100);
    expect(resolutionFor({ width: 1280, height: 3_200 })).toBe(200);
    expect(resolutionFor({ width: 390, height: 90_000 })).toBe(400);
  });
});
