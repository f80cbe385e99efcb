// Texts of a heatmap: its kinds, its legend, the count under the pointer, reasons for an empty one.
import { HeatmapKind, type PageSummary } from "@contract/audit/v1/heatmap_pb";
import type { DeviceType } from "@contract/recording/v1/enums_pb";
import { DEVICES } from "./devices";
import type { ClickedElements, DeviceShare, Extent, HeatmapData } from "./heatmapData";
import { type Hit, hottest } from "./hitTest";

/** The kinds in the order in which they are offered. */
export const KINDS = [
  { kind: HeatmapKind.CLICK, name: "click", label: "Clicks", what: "Where visitors clicked or tapped." },
  { kind: HeatmapKind.MOVE, name: "move", label: "Moves", what: "Where the pointer rested, at most twice per second." },
  { kind: HeatmapKind.SCROLL, name: "scroll", label: "Scroll", what: "How many page views got as far down as here." },
  {
    kind: HeatmapKind.RAGE,
    name: "rage",
    label: "Rage clicks",
    what: "Where visitors clicked one spot repeatedly.",
  },
  {
    kind: HeatmapKind.DEAD,
    name: "dead",
    label: "Dead clicks",
    what: "Where a click on something clickable did nothing.",
  },
  {
    kind: HeatmapKind.ATTENTION,
    name: "attention",
    label: "Attention",
    what: "For how long each part of the page was in view.",
  },
] as const;

/** Name of a kind in addresses, such as "click". */
export type KindName = (typeof KINDS)[number]["name"];

const UNITS: Partial<Record<HeatmapKind, readonly [one: string, many: string]>> = {
  [HeatmapKind.CLICK]: ["click", "clicks"],
  [HeatmapKind.MOVE]: ["pointer position", "pointer positions"],
  [HeatmapKind.SCROLL]: ["page view", "page views"],
  [HeatmapKind.RAGE]: ["rage click", "rage clicks"],
  [HeatmapKind.DEAD]: ["dead click", "dead clicks"],
};

const numbers = new Intl.NumberFormat("en");
const percents = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const finePercents = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });

/** Returns a part of a whole, such as "7 %" or, where that would be 0, "0.4 %". */
export function percentLabel(share: number): string {
  return (share > 0 && share < 0.01 ? finePercents : percents).format(share).replace("%", " %");
}

/** Returns an amount of a kind, such as "1 click" or "1 min 20 s". */
export function amountLabel(kind: HeatmapKind, count: number): string {
  if (kind === HeatmapKind.ATTENTION) {
    return secondsLabel(count);
  }
  const [one, many] = UNITS[kind] ?? ["sample", "samples"];
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}

/** Returns the heading of the elements with the most interactions of a kind; undefined: the kind has no elements. */
export function clickedHeading(kind: HeatmapKind): string | undefined {
  switch (kind) {
    case HeatmapKind.CLICK:
      return "Most clicked";
    case HeatmapKind.RAGE:
      return "Most rage clicks";
    case HeatmapKind.DEAD:
      return "Most dead clicks";
    default:
      return undefined;
  }
}

/** Returns sentences about the elements: which are missing, and which numbers are estimates. */
export function clickedNotes({ listed, isTruncated, fraction }: ClickedElements): string[] {
  const notes: string[] = [];
  if (listed.length === 0) {
    notes.push("The elements are not known: they are found on arrival, in recordings that contain them.");
  }
  if (isTruncated) {
    notes.push(`There are more elements: these are the first ${numbers.format(listed.length)}.`);
  }
  if (fraction < 1) {
    notes.push(`Their numbers are estimated from ${percentLabel(fraction)} of the sessions.`);
  }
  return notes;
}

/** Returns a page's name without its site, unless there are pages of several sites. */
export function shortName(page: string, pages: readonly PageSummary[]): string {
  const site = siteOf(page);
  return pages.every((other) => siteOf(other.page) === site) ? page.slice(site.length) || page : page;
}

function siteOf(page: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(page)?.[0] ?? "";
}

/** Returns a page's numbers of interactions, clicks and sessions. */
export function pageLabel({ interactionCount, clickCount, sessionCount }: PageSummary): string {
  const counted = (count: bigint, one: string): string => `${numbers.format(count)} ${one}${count === 1n ? "" : "s"}`;
  return `${counted(interactionCount, "interaction")} · ${counted(clickCount, "click")} · ${counted(sessionCount, "session")}`;
}

/** Returns the count under the pointer. */
export function hitLabel(kind: HeatmapKind, hit: Hit, reach: number): string {
  const share = percentLabel(hit.share);
  switch (kind) {
    case HeatmapKind.SCROLL:
      return `${amountLabel(kind, hit.count)} came this far: ${share}`;
    case HeatmapKind.ATTENTION:
      return `in view for ${amountLabel(kind, hit.count)}: ${share} of the viewing time`;
    default:
      return `${amountLabel(kind, hit.count)} within ${numbers.format(Math.round(reach))} px: ${share}`;
  }
}

/** Returns the meaning of the cold end, the middle and the hot end of the colours. */
export function legendLabels(heat: HeatmapData, page: Extent, reach: number): readonly [string, string, string] {
  const most = hottest(heat, page, reach);
  switch (heat.kind) {
    case HeatmapKind.SCROLL:
      return ["0 %", percentLabel(most.share / 2), `${percentLabel(most.share)} of page views`];
    case HeatmapKind.ATTENTION:
      return ["0 s", secondsLabel(most.count / 2), `${secondsLabel(most.count)} in view`];
    default:
      return [
        "0",
        most.count < 2 ? "" : numbers.format(Math.round(most.count / 2)),
        `${amountLabel(heat.kind, most.count)} within ${Math.round(reach)} px`,
      ];
  }
}

/** Returns sentences about the data of a heatmap. */
export function summaryLabels(heat: HeatmapData): string[] {
  const sessions = `${numbers.format(heat.sessions)} ${heat.sessions === 1 ? "session" : "sessions"}`;
  const samples = amountLabel(heat.kind, heat.samples);
  const sentences = [
    heat.kind === HeatmapKind.ATTENTION ? `${samples} of viewing time in ${sessions}.` : `${samples} in ${sessions}.`,
  ];
  sentences.push(...deviceLabels(heat));
  if (heat.estimated > 0) {
    const count = numbers.format(heat.estimated);
    sentences.push(
      `${count} ${heat.estimated === 1 ? "sample was" : "samples were"} recorded without the page's height: ` +
        "their positions are relative to the largest extent in view.",
    );
  }
  if (heat.clamped > 0) {
    const count = numbers.format(heat.clamped);
    sentences.push(`${count} lay outside of the page and ${heat.clamped === 1 ? "is" : "are"} shown at its edge.`);
  }
  return sentences;
}

/** Names the counted kinds of device, where there are several: each has its own layout of the page. */
function deviceLabels({ devices, device }: HeatmapData): string[] {
  const named = (shares: readonly DeviceShare[]): string =>
    shares.map((share) => `${deviceName(share.device)} (${numbers.format(share.sessions)})`).join(", ");
  if (device !== undefined) {
    const others = devices.filter((share) => share.device !== device);
    return others.length > 0 ? [`Only ${deviceName(device)}; not counted: sessions on ${named(others)}.`] : [];
  }
  return devices.length > 1
    ? [`Several kinds of device are mixed, and their layouts differ: sessions on ${named(devices)}.`]
    : [];
}

function deviceName(device: DeviceType): string {
  return DEVICES.find((one) => one.device === device)?.label.toLowerCase() ?? "unknown devices";
}

/** Parts of a choice that can make a heatmap empty. */
export interface Narrowing {
  readonly kind: HeatmapKind;
  readonly hasDevice: boolean;
  readonly hasTimes: boolean;
  readonly hasWidths: boolean;
}

/** Returns the reason for an empty heatmap, and the changes that may help. */
export function emptyLabels(narrowing: Narrowing): { why: string; todo: string[] } {
  const [, many] = UNITS[narrowing.kind] ?? ["", "viewing time"];
  const todo: string[] = [];
  if (narrowing.hasTimes) {
    todo.push("Choose a longer period: only interactions in the chosen one are counted.");
  }
  if (narrowing.hasDevice) {
    todo.push("Choose all devices.");
  }
  if (narrowing.hasWidths) {
    todo.push("Remove the limits of the viewport's width.");
  }
  if (narrowing.kind === HeatmapKind.RAGE || narrowing.kind === HeatmapKind.DEAD) {
    todo.push(`Choose clicks: ${many} are signs of frustration, and a page without any is a good page.`);
  } else if (narrowing.kind !== HeatmapKind.CLICK) {
    todo.push("Choose clicks: they are available even if a recording has no positions of this kind.");
  }
  if (todo.length === 0) {
    todo.push("Record or import sessions that visit this page; interactions are detected on arrival.");
  }
  return {
    why: `There are no ${many} on this page with these filters.`.replace("no viewing", "no seconds of viewing"),
    todo,
  };
}

/** Texts for a project without interactions. */
export const NO_PAGES = {
  why: "No page of this project has interactions.",
  todo: [
    "They are detected while recording: record or import a session, and its pages appear here.",
    "If sessions are listed but no page is, ingest.detectors may be off; `afterimage doctor` checks it.",
  ],
} as const;

function secondsLabel(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) {
    return `${numbers.format(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds))} s`;
  }
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${numbers.format(hours)} h ${minutes % 60} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
}
