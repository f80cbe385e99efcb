// Texts about exports. Pure.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Export, ExportFormat, ExportState, ExportTable } from "@contract/export/v1/export_pb";
import { number, size } from "../format/amounts";
import { date, duration } from "../format/time";
import { partLabel } from "../share/facts";
import { failureOf, type JobState } from "./jobState";

/** Names of formats. */
export const FORMAT: Readonly<Record<ExportFormat, string>> = {
  [ExportFormat.UNSPECIFIED]: "File",
  [ExportFormat.JSON]: "Events (rrweb JSON)",
  [ExportFormat.HAR]: "Network requests (HAR)",
  [ExportFormat.CSV]: "Table (CSV)",
  [ExportFormat.PARQUET]: "Table (Parquet)",
  [ExportFormat.MP4]: "Video (MP4)",
  [ExportFormat.WEBM]: "Video (WebM)",
  [ExportFormat.GIF]: "Animated picture (GIF)",
  [ExportFormat.PNG]: "Picture (PNG)",
  [ExportFormat.HTML]: "Page that plays offline (HTML)",
  [ExportFormat.PDF]: "Report (PDF)",
};

/** Names of tables. */
export const TABLE: Readonly<Record<ExportTable, string>> = {
  [ExportTable.UNSPECIFIED]: "Table",
  [ExportTable.SESSIONS]: "Sessions",
  [ExportTable.INTERACTIONS]: "Interactions",
};

const TABLE_SUFFIX: Partial<Record<ExportFormat, string>> = {
  [ExportFormat.CSV]: "CSV",
  [ExportFormat.PARQUET]: "Parquet",
};

/** Returns the name of an export, such as "Video (MP4)" or "Sessions (CSV)". */
export function exportName({ content, format }: Export): string {
  const suffix = TABLE_SUFFIX[format];
  return content.case === "table" && suffix !== undefined
    ? `${TABLE[content.value.table]} (${suffix})`
    : FORMAT[format];
}

/** Returns the source of an export: the start of the session and the exported part, or when a table was asked for. */
export function sourceLabel({ content, createTime }: Export): string {
  if (content.case !== "session") {
    return createTime === undefined ? "" : `asked for ${date(timestampMs(createTime))}`;
  }
  const { sessionId, startOffset, endOffset, options } = content.value;
  const part =
    options.case === "picture" && options.value.offset !== undefined
      ? `at ${duration(durationMs(options.value.offset))}`
      : partLabel(
          startOffset === undefined ? undefined : durationMs(startOffset),
          endOffset === undefined ? undefined : durationMs(endOffset),
        );
  return `session of ${date(sessionStartMs(sessionId))}${part === undefined ? "" : `, ${part}`}`;
}

/** Finished share of a job, from 0 to 1; undefined: unknown. */
export function shareOf(job: JobState): number | undefined {
  if (job.kind === "making") {
    const { doneCount = 0n, plannedCount = 0n } = job.export.progress ?? {};
    return plannedCount > 0n ? Number(doneCount) / Number(plannedCount) : undefined;
  }
  if (job.kind === "downloading") {
    return job.file.sizeBytes > 0n ? job.receivedBytes / Number(job.file.sizeBytes) : undefined;
  }
  return undefined;
}

/** Returns the state of a job in words. */
export function jobLabel(job: JobState): string {
  switch (job.kind) {
    case "making":
      return makingLabel(job);
    case "ready":
      return size(job.file.sizeBytes);
    case "downloading":
      return `Downloading ${size(job.receivedBytes)} of ${size(job.file.sizeBytes)}`;
    case "saved":
      return `Saved as ${job.file.name}, ${size(job.file.sizeBytes)}`;
    case "failed":
      return `${job.problem.title}. ${job.problem.advice}`;
  }
}

/** Returns a change of an export that a user waits for, in words; "": it is no news. */
export function changeLabel(before: Export | undefined, after: Export): string {
  if (before?.state === after.state) {
    return "";
  }
  switch (after.state) {
    case ExportState.QUEUED:
      return before === undefined ? `Export started: ${exportName(after)}. The button Exports shows it.` : "";
    case ExportState.DONE:
      return `Export ready to download: ${exportName(after)}.`;
    case ExportState.FAILED:
      return `${exportName(after)}: ${failureOf(after).title}. ${failureOf(after).advice}`;
    default:
      return "";
  }
}

function makingLabel({ export: made }: Extract<JobState, { kind: "making" }>): string {
  if (made.state === ExportState.QUEUED) {
    return made.failure === undefined ? "Waiting for a worker" : "Waiting for another attempt";
  }
  const { doneCount = 0n, plannedCount = 0n, remainingDuration } = made.progress ?? {};
  if (plannedCount === 0n) {
    return doneCount === 0n ? "Reading the recording" : `Exporting: ${number(doneCount)} steps`;
  }
  const left = remainingDuration === undefined ? "" : `, ${duration(durationMs(remainingDuration))} left`;
  return `Exporting: ${number(doneCount)} of ${number(plannedCount)} steps${left}`;
}

/** Returns the start of a session, in milliseconds since 1970: its id is a UUIDv7. */
function sessionStartMs(sessionId: string): number {
  return Number.parseInt(sessionId.replaceAll("-", "").slice(0, 12), 16);
}
