import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { InteractionSchema, type Interaction } from "@contract/recording/v1/interaction_pb";
import { describe, expect, it } from "vitest";
import { interactionLabel } from "../../src/player/labels";
import { gathered, histogramPath, type Mark, type MarkKind, marksOf, percentAt } from "../../src/player/timeline";

const interaction = (
  kind: InteractionKind,
  timeMs: number,
  rest: { detail?: string; count?: number } = {},
): Interaction => create(InteractionSchema, { kind, time: timestampFromMs(timeMs), count: 1, ...rest });

describe("marks", () => {
  it("are the notable interactions, in words", () => {
    const marks = marksOf(
      [
        interaction(InteractionKind.PAGE, 1_000, { detail: "https://shop.example/cart?x=***" }),
        interaction(InteractionKind.CLICK, 2_000),
        interaction(InteractionKind.RAGE_CLICK, 3_000, { count: 8 }),
        interaction(InteractionKind.ERROR, 4_000, { detail: "x is not a function" }),
      ],
      interactionLabel,
    );
    expect(marks).toEqual([
      { kind: "page", timeMs: 1_000, label: "Opened /cart?x=***", count: 1 },
      { kind: "rage", timeMs: 3_000, label: "Rage click: 8 clicks on one spot", count: 1 },
      { kind: "error", timeMs: 4_000, label: "Error: x is not a function", count: 1 },
    ]);
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
      label: "e",
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
