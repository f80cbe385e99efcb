import { useCallback, useState } from "react";
import type { DeviceType } from "@contract/recording/v1/enums_pb";
import type { Api } from "../api/api";
import { useApi } from "../api/context";
import { useCall } from "../api/useCall";
import { PageProblem } from "../shell/PageProblem";
import { EmptyState } from "../ui/EmptyState";
import { Spinner } from "../ui/Loading";
import { type Choice, requestOf, resolutionFor } from "./choice";
import { ClickedTable } from "./ClickedTable";
import { ALL_DEVICES, DEVICES } from "./devices";
import { reachOf } from "./gradients";
import { type Extent, type HeatmapData, heatmapDataOf } from "./heatmapData";
import styles from "./HeatmapView.module.css";
import { HottestTable } from "./HottestTable";
import { emptyLabels, summaryLabels } from "./labels";
import { Legend } from "./Legend";
import { Stage } from "./Stage";

/** Used where the page's size is not known. */
const USUAL_PAGE: Extent = { width: 1280, height: 2400 };

/**
 * The heatmap of a choice: its legend, the map, and a summary of its data. While another one is loading, the previous
 * one stays, and with it the picture of the page.
 */
export function HeatmapView({ choice }: { choice: Choice }) {
  const api = useApi();
  const [heat, retry] = useCall(
    useCallback((signal: AbortSignal) => fetchHeat(api, choice, Date.now(), signal), [api, choice]),
  );
  const [last, setLast] = useState<HeatmapData>();
  if (heat.state === "done" && heat.value !== last) {
    setLast(heat.value);
  }
  if (heat.state === "failed") {
    return <PageProblem problem={heat.problem} onRetry={retry} />;
  }
  const shown = heat.state === "done" ? heat.value : last;
  if (shown === undefined) {
    return <Spinner label="Counting" />;
  }
  if (shown.points.length === 0) {
    return heat.state === "loading" ? <Spinner label="Counting" /> : <EmptyHeatmap choice={choice} />;
  }
  return <HeatmapResult heat={shown} choice={choice} isStale={heat.state === "loading"} />;
}

function HeatmapResult({ heat, choice, isStale }: { heat: HeatmapData; choice: Choice; isStale: boolean }) {
  const page = heat.page.width > 0 && heat.page.height > 0 ? heat.page : USUAL_PAGE;
  const reach = reachOf(heat.resolution, page);
  return (
    <div className={styles.drawn} aria-busy={isStale} data-stale={isStale}>
      <div className={styles.head}>
        <p className={styles.summary}>{summaryLabels(heat).join(" ")}</p>
        <Legend heat={heat} page={page} reach={reach} />
      </div>
      <Stage heat={heat} choice={withDevice(choice, heat.device)} page={page} reach={reach} />
      <ClickedTable heat={heat} />
      <HottestTable heat={heat} page={page} reach={reach} />
    </div>
  );
}

function EmptyHeatmap({ choice }: { choice: Choice }) {
  const { why, todo } = emptyLabels({
    kind: choice.kind,
    hasDevice: choice.device !== "" && choice.device !== ALL_DEVICES,
    hasTimes: choice.period !== "",
    hasWidths: choice.widths.min > 0 || choice.widths.max > 0,
  });
  return (
    <EmptyState title="Nothing to show">
      <p>{why}</p>
      {todo.map((words) => (
        <p key={words}>{words}</p>
      ))}
    </EmptyState>
  );
}

/**
 * Returns a heatmap. Where no device is chosen, it is of the one with the most sessions: layouts are not mixed. A tall
 * page is requested again, with cells that are small enough for it; its elements stay the same.
 */
async function fetchHeat(api: Api, choice: Choice, now: number, signal: AbortSignal): Promise<HeatmapData> {
  const whole = await fetchCells(api, choice, now, signal);
  const [most, other] = whole.devices;
  const device = choice.device === "" && other !== undefined ? nameOf(most?.device) : undefined;
  const heat = device === undefined ? whole : await fetchCells(api, { ...choice, device }, now, signal);
  const resolution = resolutionFor(heat.page);
  const chosen = { ...choice, device: device ?? choice.device };
  const fine =
    resolution <= heat.resolution
      ? heat
      : { ...(await fetchCells(api, chosen, now, signal, resolution, 0)), clicked: heat.clicked };
  return device === undefined || most === undefined ? fine : { ...fine, devices: whole.devices, device: most.device };
}

async function fetchCells(
  { audit }: Api,
  choice: Choice,
  now: number,
  signal: AbortSignal,
  resolution?: number,
  maxTargets?: number,
): Promise<HeatmapData> {
  return heatmapDataOf(choice.kind, await audit.getHeatmap(requestOf(choice, now, resolution, maxTargets), { signal }));
}

function nameOf(device: DeviceType | undefined): string | undefined {
  return DEVICES.find((one) => one.device === device)?.name;
}

/** Returns a choice of one device, which the picture under the heatmap is taken from. */
function withDevice(choice: Choice, device: DeviceType | undefined): Choice {
  return { ...choice, device: nameOf(device) ?? choice.device };
}
