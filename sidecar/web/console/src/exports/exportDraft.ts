// The form of an export, and the request that it becomes. Pure.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ExportFormat } from "@contract/export/v1/export_pb";
import { type CreateExportRequest, CreateExportRequestSchema } from "@contract/export/v1/export_service_pb";
import { parseOffset } from "../share/offset";
import { reportOptions } from "./reportOptions";

/** The formats of a session, in the order in which they are offered. */
export const FORMATS = [
  { format: ExportFormat.MP4, label: "Video (MP4)" },
  { format: ExportFormat.WEBM, label: "Video (WebM)" },
  { format: ExportFormat.GIF, label: "Animated picture (GIF)" },
  { format: ExportFormat.PNG, label: "Picture of one moment (PNG)" },
  { format: ExportFormat.HTML, label: "Page that plays offline (HTML)" },
  { format: ExportFormat.PDF, label: "Report (PDF)" },
  { format: ExportFormat.JSON, label: "Events (rrweb JSON)" },
  { format: ExportFormat.HAR, label: "Network requests (HAR)" },
] as const;

/** Widths that are offered, in pixels; 0: the visitor's viewport. */
export const WIDTHS = [0, 1920, 1280, 640] as const;

/** Frames per second that are offered. */
export const RATES = [5, 10, 15, 30] as const;

/** Fields of the form. */
export type Field = "format" | "start" | "end" | "moment" | "width" | "rate";

/** Messages at invalid fields. */
export type Problems = Partial<Record<Field, string>>;

/** Values of the form. */
export interface Draft {
  readonly format: ExportFormat;
  readonly start: string;
  readonly end: string;
  /** Of a picture. */
  readonly moment: string;
  readonly width: number;
  readonly rate: number;
  readonly skipsPauses: boolean;
}

/** A new form. */
export const NEW_DRAFT: Draft = {
  format: ExportFormat.MP4,
  start: "",
  end: "",
  moment: "",
  width: 0,
  rate: 10,
  skipsPauses: true,
};

/** The form's field for each field of the request, as the server names them. */
export const FIELD_OF: Readonly<Record<string, Field>> = {
  format: "format",
  "session.start_offset": "start",
  "session.end_offset": "end",
  "session.picture.offset": "moment",
  "session.picture.width": "width",
  "session.video.width": "width",
  "session.video.frames_per_second": "rate",
  "session.report.time_zone": "format",
  "session.report.language": "format",
};

/** Whether a format is of a range of the session; else it is of a moment, or of all of it. */
export function hasRange(format: ExportFormat): boolean {
  return format !== ExportFormat.PNG && format !== ExportFormat.PDF;
}

/** Whether a format is a video. */
export function isVideo(format: ExportFormat): boolean {
  return format === ExportFormat.MP4 || format === ExportFormat.WEBM || format === ExportFormat.GIF;
}

/**
 * Returns the request of a draft, or its values that are not times. The server checks the bounds: it knows the duration
 * of the session.
 *
 * @param requestId Makes a repeated call return the same export.
 */
export function requestOf(
  sessionId: string,
  draft: Draft,
  requestId: string,
): CreateExportRequest | { problems: Problems } {
  const problems: Problems = {};
  const isPicture = draft.format === ExportFormat.PNG;
  const start = hasRange(draft.format) ? offset(draft.start, "start", problems) : undefined;
  const end = hasRange(draft.format) ? offset(draft.end, "end", problems) : undefined;
  const moment = isPicture ? offset(draft.moment, "moment", problems) : undefined;
  if (isPicture && moment === undefined) {
    problems.moment = "Enter the time of the picture, such as 1:23.";
  }
  if (Object.keys(problems).length > 0) {
    return { problems };
  }
  const session = {
    sessionId,
    ...(start === undefined ? {} : { startOffset: durationFromMs(start) }),
    ...(end === undefined ? {} : { endOffset: durationFromMs(end) }),
    options: optionsOf(draft, moment),
  };
  return create(CreateExportRequestSchema, {
    content: { case: "session", value: session },
    format: draft.format,
    requestId,
  });
}

function optionsOf(draft: Draft, moment: number | undefined) {
  if (moment !== undefined) {
    return { case: "picture", value: { offset: durationFromMs(moment), width: draft.width } } as const;
  }
  if (isVideo(draft.format)) {
    const video = { width: draft.width, framesPerSecond: draft.rate, keepPauses: !draft.skipsPauses };
    return { case: "video", value: video } as const;
  }
  if (draft.format === ExportFormat.PDF) {
    return { case: "report", value: reportOptions() } as const;
  }
  return { case: undefined };
}

function offset(text: string, field: Field, problems: Problems): number | undefined {
  const moment = parseOffset(text);
  if (Number.isNaN(moment)) {
    problems[field] = "Enter a time from the session's start, such as 1:23.";
  }
  return moment;
}
