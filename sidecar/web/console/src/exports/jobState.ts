// Where an export is for its user: made on the server, then downloaded by this tab. Pure.
import { type Export, type ExportFile, ExportState } from "@contract/export/v1/export_pb";
import { type Problem, problem } from "../api/errors";

/** A download of a file by this tab. */
export type Download =
  | { kind: "downloading"; receivedBytes: number; file: ExportFile }
  | { kind: "saved"; file: ExportFile }
  | { kind: "failed"; problem: Problem };

/** Where an export is. */
export type JobState = { kind: "making"; export: Export } | { kind: "ready"; file: ExportFile } | Download;

/** Returns where an export is; undefined: it was cancelled, or has expired. */
export function jobStateOf(found: Export, download?: Download): JobState | undefined {
  switch (found.state) {
    case ExportState.QUEUED:
    case ExportState.RUNNING:
      return { kind: "making", export: found };
    case ExportState.DONE:
      return download ?? (found.file === undefined ? undefined : { kind: "ready", file: found.file });
    case ExportState.FAILED:
      return { kind: "failed", problem: failureOf(found) };
    default:
      return undefined;
  }
}

/** Whether an export is waiting or being made. */
export function isOpen({ state }: Export): boolean {
  return state === ExportState.QUEUED || state === ExportState.RUNNING;
}

/** Returns the problem of an export without a file. */
export function failureOf(found: Export): Problem {
  const message = found.failure?.message ?? "";
  const advice = message === "" ? "It was cancelled, or has expired." : `The server reports: ${message}.`;
  return problem("bad-request", { title: "The export failed", advice });
}

/** Returns exports with one that is new or has changed, newest first. */
export function withExport(exports: readonly Export[], changed: Export): readonly Export[] {
  const index = exports.findIndex(({ exportId }) => exportId === changed.exportId);
  if (index >= 0) {
    return exports.with(index, changed);
  }
  // Ids are UUIDv7: their order is that of creation.
  return [changed, ...exports].toSorted((a, b) => (a.exportId < b.exportId ? 1 : -1));
}

/** Returns exports without one of them. */
export function withoutExport(exports: readonly Export[], exportId: string): readonly Export[] {
  return exports.filter((other) => other.exportId !== exportId);
}
