import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type PageView, PageViewSchema } from "@contract/recording/v1/session_pb";
import { describe, expect, it } from "vitest";
import { actionsOf } from "../../src/player/actions";
import { findingsOf, noteOf } from "../../src/report/findings";
import { MOST_PICTURED, pictureOfFinding, planned, visitsOf } from "../../src/report/moments";
import { click, dead, error, errorClick, rage, target } from "../player/interactions";

const SPAN = { fromMs: 0, toMs: 60_000 };

function view(windowId: string, openMs: number, url = `https://shop.example/${openMs}`): PageView {
  return create(PageViewSchema, { windowId, url, openTime: timestampFromMs(openMs) });
}

describe("the pages of a report", () => {
  it("end with the next page of their window, or with the session", () => {
    const visits = visitsOf([view("a", 0), view("b", 1_000), view("a", 5_000)], [], SPAN);
    expect(visits.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
      [0, 5_000],
      [1_000, 60_000],
      [5_000, 60_000],
    ]);
  });

  it("are those of the actions, where the description has a limit", () => {
    const pages = Array.from({ length: 3 }, (_, at) => view("a", at * 1_000));
    const action = (timeMs: number) => ({ kind: "page", url: "u", timeMs, timesMs: [timeMs], windowId: "a" }) as const;
    expect(visitsOf(pages, [action(0), action(1_000)], SPAN)).toHaveLength(3);
    expect(visitsOf(pages, [0, 1_000, 2_000, 3_000].map(action), SPAN).map(({ fromMs }) => fromMs)).toEqual([
      0, 1_000, 2_000, 3_000,
    ]);
  });
});

describe("the pictures of a report", () => {
  it("show a page when it has settled, but before it is left, and within the session", () => {
    const visits = visitsOf([view("a", 0), view("a", 10_000), view("a", 10_500), view("a", 59_500)], [], SPAN);
    const moments = planned(visits, [], SPAN);
    expect(moments.map(({ atMs }) => atMs)).toEqual([2_000, 10_480, 12_500, 59_980]);
    expect(moments.map(({ number }) => number)).toEqual([0, 1, 2, 3]);
  });

  it("are in the order of windows and time, since each window takes a tab", () => {
    const visits = visitsOf([view("b", 0), view("a", 1_000), view("b", 2_000), view("a", 3_000)], [], SPAN);
    expect(planned(visits, [], SPAN).map(({ windowId, number }) => [windowId, number])).toEqual([
      ["a", 1],
      ["a", 3],
      ["b", 0],
      ["b", 2],
    ]);
  });

  it("have a limit for pages, and another one for findings", () => {
    const visits = visitsOf(
      Array.from({ length: 40 }, (_, at) => view("a", at)),
      [],
      SPAN,
    );
    const button = { target: target("Pay") };
    const findings = findingsOf(
      actionsOf(
        Array.from({ length: 40 }, (_, at) => rage(at * 1_000, 8, button)),
        [],
      ),
    );
    expect(findings).toHaveLength(40);
    const numbers = new Set(planned(visits, findings, SPAN).map(({ number }) => number));
    expect(numbers.size).toBe(2 * MOST_PICTURED);
    expect(numbers.has(pictureOfFinding(MOST_PICTURED - 1))).toBe(true);
  });
});

describe("the findings of a report", () => {
  it("are the detectors', each with its meaning", () => {
    const button = { target: target("Pay") };
    const found = [
      ...[click(0, button), click(1_000, button), dead(1_000, button)],
      ...[rage(5_000, 8, button), error(9_000, "lone"), click(20_000, button)],
      ...[errorClick(20_000, "after", button), error(20_100, "after")],
    ];
    const findings = findingsOf(actionsOf(found, []));
    expect(findings.map(({ timeMs }) => timeMs)).toEqual([1_000, 5_000, 20_100]);
    expect(findings.map(noteOf).every((note) => note.endsWith("."))).toBe(true);
    expect(new Set(findings.map(noteOf)).size).toBe(3);
  });
});
