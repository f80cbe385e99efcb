import { describe, expect, it } from "vitest";
import { falloff, type Gradients, gradientsOf, reachOf } from "../../src/heatmap/gradients";
import { heat, spot } from "./heatmaps";

const PAGE = { width: 1000, height: 2000 };

/** Returns the alpha of a canvas at a place after all gradients were added up. */
function alphaAt({ gradients, reach }: Gradients, x: number, y: number): number {
  return gradients.reduce((sum, one) => sum + one.strength * falloff(Math.hypot(one.x - x, one.y - y) / reach), 0);
}

describe("gradients", () => {
  it("add up to the highest intensity at the hottest place, however many overlap", () => {
    for (const resolution of [10, 100, 400]) {
      const drawn = gradientsOf(heat({ points: spot(5, 5, 10), resolution }), PAGE, 1);
      const hottest = Math.max(...drawn.gradients.map(({ x, y }) => alphaAt(drawn, x, y)));
      expect(hottest).toBeCloseTo(1, 6);
    }
  });

  it("are hottest where the clicks were, and nothing far from them", () => {
    const drawn = gradientsOf(heat({ points: spot(30, 40, 10) }), PAGE, 1);
    const [x, y] = [305, 810];
    expect(alphaAt(drawn, x, y)).toBeGreaterThan(0.95);
    expect(alphaAt(drawn, x + 40, y)).toBeLessThan(alphaAt(drawn, x + 15, y));
    expect(alphaAt(drawn, x, y + 200)).toBe(0);
  });

  it("show half of the heat as half of the alpha", () => {
    const points = [...spot(20, 20, 10), ...spot(80, 80, 5, 10)].sort((a, b) => b.intensity - a.intensity);
    const drawn = gradientsOf(heat({ points }), PAGE, 1);
    expect(alphaAt(drawn, 805, 1610) / alphaAt(drawn, 205, 410)).toBeCloseTo(0.5, 6);
  });

  it("scale with the drawing", () => {
    const [once, twice] = [1, 2].map((scale) => gradientsOf(heat({ points: spot(30, 40, 10) }), PAGE, scale));
    expect(twice?.reach).toBe((once?.reach ?? 0) * 2);
    expect(twice?.gradients[0]?.x).toBe((once?.gradients[0]?.x ?? 0) * 2);
    expect(twice?.gradients[0]?.strength).toBe(once?.gradients[0]?.strength);
  });

  it("are empty for an empty heatmap", () => {
    expect(gradientsOf(heat(), PAGE, 1).gradients).toEqual([]);
  });
});

describe("a gradient's reach", () => {
  it("covers the way to the next cell, between a fingertip and a paragraph", () => {
    expect(reachOf(100, PAGE)).toBeGreaterThan(25);
    expect(reachOf(400, PAGE)).toBe(20);
    expect(reachOf(10, { width: 400, height: 20_000 })).toBe(90);
  });
});
