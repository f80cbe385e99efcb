import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { describe, expect, it } from "vitest";
import { hitTest, hottest } from "../../src/heatmap/hitTest";
import { heat, spot } from "./heatmaps";

const PAGE = { width: 1000, height: 2000 };

describe("a hit test on a heatmap of places", () => {
  const clicks = heat({ points: [...spot(30, 40, 30), ...spot(80, 80, 10)], samples: 40 });

  it("counts only points within reach of the pointer", () => {
    expect(hitTest(clicks, 31, 40.5, PAGE, 25)).toEqual({ count: 30, share: 0.75 });
    expect(hitTest(clicks, 55, 60, PAGE, 25)).toEqual({ count: 0, share: 0 });
  });

  it("measures in pixels of the page, with cells that are not square", () => {
    // 1.5 % of the width are 15 px, of the height 30 px.
    expect(hitTest(clicks, 30.5 + 1.5, 40.5, PAGE, 20).count).toBe(30);
    expect(hitTest(clicks, 30.5, 40.5 + 1.5, PAGE, 20).count).toBe(0);
  });

  it("finds the most that lies at one place", () => {
    expect(hottest(clicks, PAGE, 25)).toEqual({ count: 30, share: 0.75 });
    expect(hottest(heat(), PAGE, 25)).toEqual({ count: 0, share: 0 });
  });
});

describe("a hit test on bands", () => {
  // 20 page views: all saw the first half, 5 of them the rest down to 80 %.
  const points = Array.from({ length: 8 }, (_, row) => {
    const count = row < 5 ? 20 : 5;
    return { x: 50, y: row * 10 + 5, count, intensity: count / 20 };
  });
  const scroll = heat({ kind: HeatmapKind.SCROLL, points, samples: 20, resolution: 10 });

  it("counts the band under the pointer, wherever in its width", () => {
    expect(hitTest(scroll, 3, 45, PAGE, 0)).toEqual({ count: 20, share: 1 });
    expect(hitTest(scroll, 97, 79.9, PAGE, 0)).toEqual({ count: 5, share: 0.25 });
    expect(hitTest(scroll, 50, 85, PAGE, 0)).toEqual({ count: 0, share: 0 });
  });
});
