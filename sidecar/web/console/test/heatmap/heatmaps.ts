// Heatmaps to test with.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { TargetSchema } from "@contract/recording/v1/interaction_pb";
import type { ClickedElement, HeatmapData, HeatPoint } from "../../src/heatmap/heatmapData";

/** Returns a heatmap of clicks with changed fields. */
export function heat(changes: Partial<HeatmapData> = {}): HeatmapData {
  return {
    kind: HeatmapKind.CLICK,
    points: [],
    samples: 0,
    sessions: 0,
    page: { width: 1000, height: 2000 },
    viewport: { width: 1000, height: 800 },
    resolution: 100,
    estimated: 0,
    clamped: 0,
    devices: [],
    clicked: { listed: [], isTruncated: false, fraction: 1 },
    ...changes,
  };
}

type TargetParts = MessageInitShape<typeof TargetSchema>;

/** Returns a button that was clicked, by default in one session. */
export function clicked(
  name: string,
  count: number,
  { target = {}, ...numbers }: Partial<Omit<ClickedElement, "target">> & { target?: TargetParts } = {},
): ClickedElement {
  const element = create(TargetSchema, { name, role: "button", tag: "button", selector: `#${name}`, ...target });
  return { target: element, count, sessions: 1, rageClicks: 0, deadClicks: 0, ...numbers };
}

/** Returns the cells of one spot of clicks after the server's smoothing, the hottest first. */
export function spot(column: number, row: number, count: number, top = count): HeatPoint[] {
  const points: HeatPoint[] = [];
  for (let dy = -3; dy <= 3; dy++) {
    for (let dx = -3; dx <= 3; dx++) {
      const intensity = (Math.exp(-(dx * dx + dy * dy) / 2) * count) / top;
      points.push({ x: column + dx + 0.5, y: row + dy + 0.5, count: dx === 0 && dy === 0 ? count : 0, intensity });
    }
  }
  return points.sort((a, b) => b.intensity - a.intensity);
}
