import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import { actionsOf } from "../../src/player/actions";
import { actionText } from "../../src/player/labels";
import { gathered, histogramPath, type Mark, type MarkKind, marksOf, percentAt } from "../../src/player/timeline";
import { click, dead, doubleClick, error, failed, interaction, rage, target } from "./interactions";

describe("marks", () => {
  it("are the notable actions, in the words of the list", () => {
    const button = { target: target("Download all invoices") };
    const marks = marksOf(
      actionsOf(
        [
          interaction(InteractionKind.PAGE, 1_000, { detail: "https://shop.example/cart?x=***" }),
          click(2_000, button),
          click(2_500, button),
          rage(2_500, 8, button),
          click(3_500),
          dead(3_500),
          error(4_000, '"x is not a function"'),
        ],
        [failed(5_000)],
      ),
      actionText,
    );
    expect(marks).toEqual([
      { kind: "page", timeMs: 1_000, label: "Opened /cart?x=***", count: 1 },
      { kind: "rage", timeMs: 2_500, label: "Rage click: 8 times on Download all invoices", count: 1 },
      { kind: "dead", timeMs: 3_500, label: "Dead click: nothing answered", count: 1 },
      { kind: "error", timeMs: 4_000, label: "Error: x is not a function", count: 1 },
      { kind: "error", timeMs: 5_000, label: "Request failed: GET /api/invoices 500", count: 1 },
    ]);
  });

  it("of one row are at each of its times", () => {
    const errors = [1_000, 1_500, 60_000].map((timeMs) => error(timeMs, '"a"'));
    const marks = marksOf(actionsOf(errors, []), actionText);
    expect(marks.map(({ timeMs }) => timeMs)).toEqual([1_000, 1_500, 60_000]);
    expect(gathered(marks, 1_000)).toMatchObject([
      { timeMs: 1_000, label: "Error: a (3 times)", count: 2 },
      { timeMs: 60_000, label: "Error: a (3 times)", count: 1 },
    ]);
  });

  it("of a double click that nothing answered are those of a dead click", () => {
    const marks = marksOf(actionsOf([click(1_000), dead(1_000), click(1_200), doubleClick(1_201)], []), actionText);
    expect(marks).toMatchObject([{ kind: "dead", label: "Double click, nothing answered" }]);
  });

  it("that overlap are merged, with the gravest kind", () => {
    const mark = (kind: MarkKind, timeMs: number): Mark => ({ kind, timeMs, label: kind, count: 1 });
    const found = gathered([mark("page", 0), mark("error", 400), mark("dead", 900), mark("page", 5_000)], 1_000);
    expect(found).toEqual([
      { kind: "error", timeMs: 0, label: "page\nerror\ndead", count: 3 },
      { kind: "page", timeMs: 5_000, label: "page", count: 1 },
    ]);
  });

  it("have a text of limited length for many interactions", () => {
    const many = Array.from({ length: 500 }, (_, index) => ({
      kind: "error" as const,
      timeMs: index,
      label: `e${index}`,
      count: 1,
    }));
    const [only] = gathered(many, 1_000);
    expect(only?.count).toBe(500);
    expect(only?.label.split("\n")).toHaveLength(6);
  });
});

describe("places", () => {
  it.each([
    [500, 50],
    [-10, 0],
    [2_000, 100],
  ])("of %i in a second", (timeMs, percent) => {
    expect(percentAt(timeMs, 0, 1_000)).toBe(percent);
  });

  it("are at the start in a session without length", () => {
    expect(percentAt(5, 5, 5)).toBe(0);
  });
});

describe("histogramPath", () => {
  it("draws a bar for each count and none for nothing", () => {
    expect(histogramPath([0, 4, 1])).toBe("M1 100V0.0h.8V100zM2 100V50.0h.8V100z");
    expect(histogramPath([0, 0])).toBe("");
  });
});
