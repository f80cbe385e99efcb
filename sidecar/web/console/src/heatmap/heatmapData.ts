// The response of GetHeatmap, in plain numbers.
import type { GetHeatmapResponse } from "@contract/audit/v1/audit_service_pb";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import type { DeviceType } from "@contract/recording/v1/enums_pb";
import type { Target } from "@contract/recording/v1/interaction_pb";

/** Width and height in CSS pixels. */
export interface Extent {
  readonly width: number;
  readonly height: number;
}

/** A cell with something in it; places in percent of the page. */
export interface HeatPoint {
  readonly x: number;
  readonly y: number;
  /** Interactions in the cell; milliseconds for attention. */
  readonly count: number;
  /** 0 to 1. */
  readonly intensity: number;
}

/** A heatmap. */
export interface HeatmapData {
  readonly kind: HeatmapKind;
  readonly points: readonly HeatPoint[];
  /** Interactions counted; milliseconds for attention. */
  readonly samples: number;
  readonly sessions: number;
  /** The page's typical size; 0 where it is not known. */
  readonly page: Extent;
  readonly viewport: Extent;
  /** Cells along each axis. */
  readonly resolution: number;
  readonly estimated: number;
  readonly clamped: number;
  /** Sessions per kind of device, also of those that the heatmap leaves out; the largest first. */
  readonly devices: readonly DeviceShare[];
  /** The only kind of device that is counted; undefined: all of `devices`. */
  readonly device?: DeviceType;
  readonly clicked: ClickedElements;
}

/** An element, and the heatmap's interactions with it. */
export interface ClickedElement {
  readonly target: Target;
  readonly count: number;
  readonly sessions: number;
  /** Rage clicks on it, if the heatmap is of clicks. */
  readonly rageClicks: number;
  /** Dead clicks on it, if the heatmap is of clicks. */
  readonly deadClicks: number;
}

/** The elements with the most interactions, the highest count first. */
export interface ClickedElements {
  readonly listed: readonly ClickedElement[];
  /** Whether there are more. */
  readonly isTruncated: boolean;
  /** Fraction of the sessions that the counts are extrapolated from; 0: elements are not counted. */
  readonly fraction: number;
}

/** Sessions on one kind of device. */
export interface DeviceShare {
  readonly device: DeviceType;
  readonly sessions: number;
}

/** Returns whether a kind is bands of the page rather than places on it. */
export function isBands(kind: HeatmapKind): boolean {
  return kind === HeatmapKind.SCROLL || kind === HeatmapKind.ATTENTION;
}

/** Returns a response in plain numbers. */
export function heatmapDataOf(kind: HeatmapKind, answer: GetHeatmapResponse): HeatmapData {
  const extent = (size: { width: number; height: number } | undefined): Extent => ({
    width: size?.width ?? 0,
    height: size?.height ?? 0,
  });
  return {
    kind,
    points: answer.points.map((point) => ({
      x: point.xPercent,
      y: point.yPercent,
      count: Number(point.count),
      intensity: point.intensity,
    })),
    samples: Number(answer.sampleCount),
    sessions: Number(answer.sessionCount),
    page: extent(answer.pageSize),
    viewport: extent(answer.viewport),
    resolution: answer.resolution,
    estimated: Number(answer.estimatedCount),
    clamped: Number(answer.clampedCount),
    devices: answer.devices
      .map(({ deviceType, sessionCount }) => ({ device: deviceType, sessions: Number(sessionCount) }))
      .toSorted((a, b) => b.sessions - a.sessions),
    clicked: {
      listed: answer.targets.flatMap(({ target, count, sessionCount, rageClickCount, deadClickCount }) =>
        target === undefined
          ? []
          : {
              target,
              count: Number(count),
              sessions: Number(sessionCount),
              rageClicks: Number(rageClickCount),
              deadClicks: Number(deadClickCount),
            },
      ),
      isTruncated: answer.targetsTruncated,
      fraction: answer.targetSampleFraction,
    },
  };
}
