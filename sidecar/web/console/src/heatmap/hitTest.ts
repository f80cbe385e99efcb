// Numbers at a place of a heatmap: under the pointer, and at the ends of the legend.
import { type Extent, type HeatmapData, isBands } from "./heatmapData";

/** Count at a place. */
export interface Hit {
  /** Interactions; milliseconds for attention. */
  readonly count: number;
  /** Part of all samples, 0 to 1. */
  readonly share: number;
}

/**
 * Returns the count around a place: within `reach` of it, or in its band.
 *
 * @param x In percent of the page's width.
 * @param y In percent of the page's height.
 * @param page The page's size in CSS pixels.
 * @param reach In CSS pixels of the page; bands do without.
 */
export function hitTest(heat: HeatmapData, x: number, y: number, page: Extent, reach: number): Hit {
  const within = isBands(heat.kind) ? bandHolds(heat, y) : near(x, y, page, reach);
  const count = heat.points.reduce((sum, point) => (within(point) ? sum + point.count : sum), 0);
  return { count, share: heat.samples > 0 ? count / heat.samples : 0 };
}

/** A place in percent of the page, and its count. */
export interface Place extends Hit {
  readonly x: number;
  readonly y: number;
}

/** Returns the hottest places, at most `count` and none within `reach` of a hotter one. */
export function hottestPlaces(heat: HeatmapData, page: Extent, reach: number, count: number): Place[] {
  const places: Place[] = [];
  for (const { x, y } of heat.points) {
    const isApart = places.every((place) => isBands(heat.kind) || !near(place.x, place.y, page, 2 * reach)({ x, y }));
    if (isApart) {
      places.push({ x, y, ...hitTest(heat, x, y, page, reach) });
    }
    if (places.length === count) {
      break;
    }
  }
  return places.filter((place) => place.count > 0);
}

/** Returns the count at the hottest place. */
export function hottest(heat: HeatmapData, page: Extent, reach: number): Hit {
  const hits = heat.points.slice(0, 50).map((point) => hitTest(heat, point.x, point.y, page, reach));
  return hits.reduce((most, hit) => (hit.count > most.count ? hit : most), { count: 0, share: 0 });
}

function near(x: number, y: number, page: Extent, reach: number): (point: { x: number; y: number }) => boolean {
  return (point) => Math.hypot(((point.x - x) / 100) * page.width, ((point.y - y) / 100) * page.height) <= reach;
}

function bandHolds(heat: HeatmapData, y: number): (point: { y: number }) => boolean {
  const half = 50 / Math.max(heat.resolution, 1);
  return (point) => y >= point.y - half && y < point.y + half;
}
