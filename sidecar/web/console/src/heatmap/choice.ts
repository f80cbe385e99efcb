// Parameters of a heatmap, kept in the page's address, so that a view can be shared and reloaded.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type GetHeatmapRequest, GetHeatmapRequestSchema } from "@contract/audit/v1/audit_service_pb";
import { type SessionFilter, SessionFilterSchema } from "@contract/audit/v1/session_filter_pb";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { type HeatmapContent, HeatmapContentSchema } from "@contract/export/v1/export_pb";
import { ALL_DEVICES, DEVICES } from "./devices";
import type { Extent } from "./heatmapData";
import { KINDS } from "./labels";
import { literalPart } from "./pageMoment";

/** Lengths of time that can be chosen, up to now. */
export const PERIODS = [
  { name: "24h", label: "Last 24 hours", ms: 86_400_000 },
  { name: "7d", label: "Last 7 days", ms: 7 * 86_400_000 },
  { name: "30d", label: "Last 30 days", ms: 30 * 86_400_000 },
] as const;

/** Widths that a viewport can be bounded to. */
export interface Widths {
  /** In CSS pixels; 0: no bound. */
  readonly min: number;
  /** In CSS pixels; 0: no bound. */
  readonly max: number;
}

/** The chosen parameters. */
export interface Choice {
  /** Normalised URL; "": none yet. */
  readonly page: string;
  readonly kind: HeatmapKind;
  /** Name of one of DEVICES, or ALL_DEVICES; "": the one with the most sessions. */
  readonly device: string;
  /** Name of one of PERIODS; "": any time. */
  readonly period: string;
  readonly widths: Widths;
}

const ANY_WIDTH: Widths = { min: 0, max: 0 };
const MAX_WIDTH = 65_535;

/** Cells along each axis, unless the page is so tall that they would be coarse. */
const RESOLUTION = 100;
const MAX_RESOLUTION = 400;
const MAX_POINTS = 10_000;
const MAX_TARGETS = 50;

/** Tallest that a cell should be, in CSS pixels. */
const CELL_HEIGHT = 16;

/** Returns the choice in an address; invalid parameters are ignored. */
export function choiceOf(search: URLSearchParams): Choice {
  const widths = parseWidths(search.get("width") ?? "");
  return {
    page: search.get("page") ?? "",
    kind: KINDS.find(({ name }) => name === search.get("kind"))?.kind ?? HeatmapKind.CLICK,
    device: [ALL_DEVICES, ...DEVICES.map(({ name }) => name)].find((name) => name === search.get("device")) ?? "",
    period: PERIODS.find(({ name }) => name === search.get("time"))?.name ?? "",
    widths: "problem" in widths ? ANY_WIDTH : widths,
  };
}

/** Returns the query of the address that makes a choice; defaults are left out. */
export function searchOf(choice: Choice): URLSearchParams {
  const kind = KINDS.find((one) => one.kind === choice.kind)?.name ?? "";
  const parts = {
    page: choice.page,
    kind: kind === "click" ? "" : kind,
    device: choice.device,
    time: choice.period,
    width: widthsText(choice.widths),
  };
  return new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== ""));
}

/** Returns the widths in a text such as "768-1440", "768-", "-767" or "390", or the problem with it. */
export function parseWidths(text: string): Widths | { problem: string } {
  const trimmed = text.replace(/\s|px/g, "").replace(/[–—]/g, "-");
  if (trimmed === "" || trimmed === "-") {
    return ANY_WIDTH;
  }
  const [, from, dash, to] = /^(\d{1,6})?(-)?(\d{1,6})?$/.exec(trimmed) ?? [];
  if (from === undefined && dash === undefined) {
    return { problem: "Enter a range in pixels, such as 768-1440, 768- or -767." };
  }
  const min = Number(from ?? 0);
  const max = dash === undefined ? min : Number(to ?? 0);
  if (min > MAX_WIDTH || max > MAX_WIDTH) {
    return { problem: `A viewport is at most ${MAX_WIDTH.toLocaleString("en")} pixels wide.` };
  }
  return max > 0 && max < min ? { problem: `${max} is below ${min}: enter the smaller width first.` } : { min, max };
}

/** Returns widths as `parseWidths` reads them; "" for any. */
export function widthsText({ min, max }: Widths): string {
  if (min === 0 && max === 0) {
    return "";
  }
  return min === max ? `${min}` : `${min || ""}-${max || ""}`;
}

/** Returns the number of cells along each axis for a page of this size. */
export function resolutionFor(page: Extent): number {
  return Math.min(Math.max(RESOLUTION, Math.ceil(page.height / CELL_HEIGHT)), MAX_RESOLUTION);
}

/**
 * Returns the request for a choice.
 *
 * @param now Milliseconds since 1970, which periods count back from.
 * @param resolution Cells along each axis.
 * @param maxTargets Maximum number of elements.
 */
export function requestOf(
  choice: Choice,
  now: number,
  resolution = RESOLUTION,
  maxTargets = MAX_TARGETS,
): GetHeatmapRequest {
  const device = DEVICES.find(({ name }) => name === choice.device);
  const since = sinceOf(choice, now);
  return create(GetHeatmapRequestSchema, {
    page: choice.page,
    kind: choice.kind,
    deviceTypes: device === undefined ? [] : [device.device],
    ...(since === undefined ? {} : { startTime: timestampFromMs(since) }),
    minViewportWidth: choice.widths.min,
    maxViewportWidth: choice.widths.max,
    resolution,
    maxPoints: MAX_POINTS,
    maxTargets,
  });
}

/**
 * Returns the filter of the sessions that visited a choice's page. It leaves out the widths, which a filter of sessions
 * cannot have.
 *
 * @param now Milliseconds since 1970, which periods count back from.
 */
export function sessionFilterOf(choice: Choice, now: number): SessionFilter {
  const device = DEVICES.find(({ name }) => name === choice.device);
  const since = sinceOf(choice, now);
  return create(SessionFilterSchema, {
    page: literalPart(choice.page),
    deviceTypes: device === undefined ? [] : [device.device],
    ...(since === undefined ? {} : { startTime: timestampFromMs(since) }),
  });
}

/**
 * Returns the heatmaps of a choice's page, of all kinds.
 *
 * @param now Milliseconds since 1970, which periods count back from.
 */
export function heatmapsOf(choice: Choice, now: number): HeatmapContent {
  const { page, deviceTypes, startTime, minViewportWidth, maxViewportWidth } = requestOf(choice, now);
  return create(HeatmapContentSchema, {
    page,
    deviceTypes,
    ...(startTime === undefined ? {} : { startTime }),
    minViewportWidth,
    maxViewportWidth,
  });
}

/** Returns the beginning of a choice's period, in milliseconds since 1970; undefined: any time. */
export function sinceOf(choice: Pick<Choice, "period">, now: number): number | undefined {
  const period = PERIODS.find(({ name }) => name === choice.period);
  return period === undefined ? undefined : now - period.ms;
}
