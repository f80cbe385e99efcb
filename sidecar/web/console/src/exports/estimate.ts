// Sizes of files before they are made, from the counters of the sessions. Pure.
import { ExportFormat, ExportTable } from "@contract/export/v1/export_pb";
import type { Totals } from "@contract/recording/v1/session_pb";
import { size } from "../format/amounts";

/** The player in an HTML file, in bytes. */
const PLAYER_BYTES = 300_000;

/** Rows of CSV in bytes, as of the sample recordings. */
const ROW_BYTES: Partial<Record<ExportTable, number>> = {
  [ExportTable.SESSIONS]: 520,
  [ExportTable.INTERACTIONS]: 290,
};

/** An expected size: `isMost` if it can only be less. */
export interface Estimate {
  readonly bytes: number;
  readonly isMost: boolean;
}

/**
 * Returns the expected size of a session's file; undefined: it is not known. That of a video or a picture depends on
 * the pages in it, that of HAR on the requests.
 *
 * @param isPart Whether only a part of the session is exported: how much of it is not known.
 */
export function sessionEstimate(
  format: ExportFormat,
  totals: Totals | undefined,
  isPart: boolean,
): Estimate | undefined {
  if (totals === undefined) {
    return undefined;
  }
  switch (format) {
    case ExportFormat.JSON:
      return { bytes: Number(totals.rawBytes), isMost: isPart };
    case ExportFormat.HTML:
      // The stored payloads, in base64.
      return { bytes: PLAYER_BYTES + (Number(totals.storedBytes) * 4) / 3, isMost: isPart };
    default:
      return undefined;
  }
}

/**
 * Returns the expected size of a table; undefined: it is not known. Parquet is compressed, and how well depends on the
 * values.
 *
 * @param sessions Totals of all sessions of the table; undefined: not all of them are known.
 */
export function tableEstimate(
  format: ExportFormat,
  table: ExportTable,
  sessions: readonly (Totals | undefined)[] | undefined,
): Estimate | undefined {
  const rowBytes = ROW_BYTES[table];
  if (format !== ExportFormat.CSV || sessions === undefined || rowBytes === undefined) {
    return undefined;
  }
  const rows =
    table === ExportTable.SESSIONS
      ? sessions.length
      : sessions.reduce((sum, totals) => sum + (totals === undefined ? 0 : interactionsOf(totals)), 0);
  return { bytes: rows * rowBytes, isMost: false };
}

/** Returns an expected size in words, such as "about 3 MB"; "" where it is not known. */
export function estimateLabel(estimate: Estimate | undefined): string {
  if (estimate === undefined || estimate.bytes <= 0) {
    return "";
  }
  // Two digits: more would claim more than is known.
  const about = `about ${size(Number(Math.round(estimate.bytes).toPrecision(2)))}`;
  return estimate.isMost ? `at most ${about}` : about;
}

/** Returns the number of a session's interactions without movements, as far as it is counted. */
function interactionsOf(totals: Totals): number {
  return Number(
    totals.clickCount +
      totals.inputCount +
      totals.pageCount +
      totals.errorCount +
      totals.failedRequestCount +
      totals.rageClickCount +
      totals.deadClickCount +
      totals.quickBackCount +
      totals.errorClickCount +
      totals.mouseThrashCount,
  );
}
