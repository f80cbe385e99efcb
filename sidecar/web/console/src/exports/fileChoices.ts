// Files that lists and heatmaps are exported as: each choice has its format, its content and a description.
// A further format of one of them is one more choice.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HeatmapContent, TableContentSchema } from "@contract/export/v1/export_pb";
import { ExportFormat, ExportTable, ReportOptionsSchema } from "@contract/export/v1/export_pb";
import { type CreateExportRequest, CreateExportRequestSchema } from "@contract/export/v1/export_service_pb";
import type { SessionFilter } from "@contract/audit/v1/session_filter_pb";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Totals } from "@contract/recording/v1/session_pb";
import { type Estimate, tableEstimate } from "./estimate";
import { FORMAT, TABLE } from "./jobLabels";
import { reportOptions } from "./reportOptions";

type Content = NonNullable<MessageInitShape<typeof CreateExportRequestSchema>["content"]>;

/** A file to choose. */
export interface FileChoice {
  readonly label: string;
  readonly format: ExportFormat;
  /** Returns the content at the time `nowMs`, which periods count back from. */
  readonly content: (nowMs: number) => Content;
  /** Description of the content. */
  readonly about: string;
  readonly estimate?: Estimate | undefined;
}

const REPORT = FORMAT[ExportFormat.PDF];

const TABLE_FORMATS = [
  { format: ExportFormat.CSV, suffix: "CSV" },
  { format: ExportFormat.PARQUET, suffix: "Parquet" },
] as const;

/**
 * Returns the files of a list of sessions.
 *
 * @param filter Returns the filter at a time.
 * @param sessions Totals of all sessions under the filter; undefined: there are more than are loaded.
 */
export function filesOfSessions(
  filter: (nowMs: number) => SessionFilter,
  sessions: readonly (Totals | undefined)[] | undefined,
): FileChoice[] {
  const rows = {
    [ExportTable.SESSIONS]: "A row for each session.",
    [ExportTable.INTERACTIONS]: "A row for each click, input, page, error … of the sessions, without movements.",
  } as const;
  const tables = ([ExportTable.SESSIONS, ExportTable.INTERACTIONS] as const).flatMap((table) =>
    TABLE_FORMATS.map(({ format, suffix }) => ({
      label: `${TABLE[table]} (${suffix})`,
      format,
      content: (nowMs: number) => tableOf(table, filter(nowMs)),
      about: rows[table],
      estimate: tableEstimate(format, table, sessions),
    })),
  );
  return [
    ...tables,
    {
      label: REPORT,
      format: ExportFormat.PDF,
      content: (nowMs) => ({
        case: "table",
        value: { table: ExportTable.SESSIONS, filter: filter(nowMs), report: reportOptions() },
      }),
      about: "The sessions by day, page and finding, and the pages and elements with the most problems.",
    },
  ];
}

const KINDS: Partial<Record<HeatmapKind, readonly InteractionKind[]>> = {
  [HeatmapKind.CLICK]: [InteractionKind.CLICK, InteractionKind.TOUCH],
  [HeatmapKind.MOVE]: [InteractionKind.MOVE],
  [HeatmapKind.SCROLL]: [InteractionKind.SCROLL],
  [HeatmapKind.RAGE]: [InteractionKind.RAGE_CLICK],
  [HeatmapKind.DEAD]: [InteractionKind.DEAD_CLICK],
  [HeatmapKind.ATTENTION]: [InteractionKind.ATTENTION],
};

/**
 * Returns the files of a heatmap: the interactions that it counts, of all sessions that visited the page, and a report
 * of the page with heatmaps of all kinds.
 *
 * @param label Of the kind, such as "Clicks".
 * @param filter Returns the filter of sessions that visited the page, at a time.
 * @param heatmaps Returns the heatmaps of the page, at a time.
 */
export function filesOfHeatmap(
  kind: HeatmapKind,
  label: string,
  filter: (nowMs: number) => SessionFilter,
  heatmaps: (nowMs: number) => HeatmapContent,
): FileChoice[] {
  const tables = TABLE_FORMATS.map(({ format, suffix }) => ({
    label: `${label} (${suffix})`,
    format,
    content: (nowMs: number) => tableOf(ExportTable.INTERACTIONS, filter(nowMs), KINDS[kind]),
    about:
      "A row for each one that the heatmap counts, in sessions that visited this page. The rows have those of their " +
      "other pages, too: the column “page” has their address. Viewport widths are a column, and not filtered.",
  }));
  return [
    ...tables,
    {
      label: REPORT,
      format: ExportFormat.PDF,
      content: (nowMs) => {
        const value = heatmaps(nowMs);
        value.report = create(ReportOptionsSchema, reportOptions());
        return { case: "heatmap", value };
      },
      about: "Heatmaps of all kinds over the page, with their legends and the elements with the most clicks.",
    },
  ];
}

/**
 * Returns the request for a choice.
 *
 * @param requestId Makes a repeated call return the same export.
 */
export function requestOfFile(choice: FileChoice, nowMs: number, requestId: string): CreateExportRequest {
  return create(CreateExportRequestSchema, { content: choice.content(nowMs), format: choice.format, requestId });
}

function tableOf(table: ExportTable, filter: SessionFilter, kinds: readonly InteractionKind[] = []): Content {
  const value: MessageInitShape<typeof TableContentSchema> = { table, filter, kinds: [...kinds] };
  return { case: "table", value };
}
