// Which gradients make up a heatmap: where, how large, how strong.
//
// The server's cells are already smoothed, and neighbouring cells all have points, so gradients overlap and add up.
// Each is therefore drawn weaker than its intensity, by a factor such that the sum at the hottest place is the highest
// intensity that the server gave: nothing saturates, and twice the heat is twice the alpha.
import type { Extent, HeatmapData, HeatPoint } from "./heatmapData";

/** Reach of a gradient in cells, such that those of neighbouring cells overlap. */
const REACH_CELLS = 1.7;

/** Smallest and largest reach of a gradient, in CSS pixels of the page: about a fingertip, and a paragraph. */
const MIN_REACH = 20;
const MAX_REACH = 90;

/** Number of hottest points among which the hottest place is searched. */
const CANDIDATES = 100;

/** A gradient: its middle in the drawing's units, and how strong it is (0 to 1) there. */
export interface Gradient {
  readonly x: number;
  readonly y: number;
  readonly strength: number;
}

/** All gradients of a heatmap, of one size. */
export interface Gradients {
  /** In the drawing's units. */
  readonly reach: number;
  readonly gradients: readonly Gradient[];
}

/** Returns how strong a gradient is at a distance from its middle, both as parts of its reach: 1 falling to 0. */
export function falloff(distance: number): number {
  return distance >= 1 ? 0 : (1 - distance * distance) ** 2;
}

/** Returns the reach of a gradient, in CSS pixels of the page. */
export function reachOf(resolution: number, page: Extent): number {
  const cell = Math.max(page.width, page.height) / Math.max(resolution, 1);
  return Math.min(Math.max(cell * REACH_CELLS, MIN_REACH), MAX_REACH);
}

/**
 * Returns the gradients of a heatmap of places.
 *
 * @param heat Its points are the hottest first, as the server sends them.
 * @param page Size of the page that is drawn over, in CSS pixels; not 0.
 * @param scale Units of the drawing in a CSS pixel of the page.
 */
export function gradientsOf(heat: Pick<HeatmapData, "points" | "resolution">, page: Extent, scale: number): Gradients {
  const reach = reachOf(heat.resolution, page);
  const hottest = heat.points[0]?.intensity ?? 0;
  const most = Math.max(0, ...sumsAt(heat.points, heat.points.slice(0, CANDIDATES), page, reach));
  const factor = most > 0 ? hottest / most : 0;
  return {
    reach: reach * scale,
    gradients: heat.points.map((point) => ({
      x: (point.x / 100) * page.width * scale,
      y: (point.y / 100) * page.height * scale,
      strength: Math.min(point.intensity * factor, 1),
    })),
  };
}

/** Returns the sums of the gradients of `points` at each of `places`, before any factor. */
function sumsAt(points: readonly HeatPoint[], places: readonly HeatPoint[], page: Extent, reach: number): number[] {
  return places.map((place) => {
    let sum = 0;
    for (const point of points) {
      const dx = ((point.x - place.x) / 100) * page.width;
      const dy = ((point.y - place.y) / 100) * page.height;
      sum += point.intensity * falloff(Math.hypot(dx, dy) / reach);
    }
    return sum;
  });
}
