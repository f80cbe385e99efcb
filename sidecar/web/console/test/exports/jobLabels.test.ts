import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ExportFileSchema, ExportFormat, ExportSchema, ExportState, ExportTable } from "@contract/export/v1/export_pb";
import { describe, expect, it } from "vitest";
import { problem } from "../../src/api/errors";
import { changeLabel, exportName, jobLabel, shareOf, sourceLabel } from "../../src/exports/jobLabels";
import type { JobState } from "../../src/exports/jobState";
import { date } from "../../src/format/time";

const file = create(ExportFileSchema, { name: "session.mp4", sizeBytes: 2_000_000n });
const failure = { reason: "SIZE_LIMIT", message: "it is too large" };

function making(state: ExportState, rest = {}): JobState {
  return { kind: "making", export: create(ExportSchema, { state, ...rest }) };
}

describe("the progress of an export", () => {
  const progress = { doneCount: 5n, plannedCount: 20n };
  it.each([
    [making(ExportState.QUEUED), "Waiting for a worker", undefined],
    [making(ExportState.QUEUED, { failure }), "Waiting for another attempt", undefined],
    [making(ExportState.RUNNING), "Reading the recording", undefined],
    [making(ExportState.RUNNING, { progress: { doneCount: 500n } }), "Exporting: 500 steps", undefined],
    [making(ExportState.RUNNING, { progress }), "Exporting: 5 of 20 steps", 0.25],
    [
      making(ExportState.RUNNING, { progress: { ...progress, remainingDuration: durationFromMs(65_000) } }),
      "Exporting: 5 of 20 steps, 1 min 5 s left",
      0.25,
    ],
    [{ kind: "ready", file }, "2 MB", undefined],
    [{ kind: "downloading", receivedBytes: 500_000, file }, "Downloading 500 KB of 2 MB", 0.25],
    [{ kind: "saved", file }, "Saved as session.mp4, 2 MB", undefined],
    [{ kind: "failed", problem: problem("busy", { title: "No", advice: "Wait." }) }, "No. Wait.", undefined],
  ] satisfies [JobState, string, number | undefined][])("%#", (job, label, share) => {
    expect([jobLabel(job), shareOf(job)]).toEqual([label, share]);
  });
});

describe("the name of an export", () => {
  const startMs = Date.UTC(2026, 10, 30, 12);
  const sessionId = `${startMs
    .toString(16)
    .padStart(12, "0")
    .replace(/^(.{8})/, "$1-")}-7000-8000-000000000000`;
  const session = (rest = {}) =>
    create(ExportSchema, {
      format: ExportFormat.MP4,
      content: { case: "session", value: { sessionId, ...rest } },
    });

  it("has the format, and the table", () => {
    const table = create(ExportSchema, {
      format: ExportFormat.PARQUET,
      content: { case: "table", value: { table: ExportTable.INTERACTIONS } },
    });
    expect([exportName(session()), exportName(table)]).toEqual(["Video (MP4)", "Interactions (Parquet)"]);
  });

  it("has the start of the session and the part of it", () => {
    const of = `session of ${date(startMs)}`;
    const picture = { options: { case: "picture", value: { offset: durationFromMs(2_500) } } };
    expect([
      sourceLabel(session()),
      sourceLabel(session({ startOffset: durationFromMs(61_000) })),
      sourceLabel(session(picture)),
    ]).toEqual([of, `${of}, 1:01 to the end`, `${of}, at 2.5 s`]);
  });
});

describe("a change for screen readers", () => {
  const at = (state: ExportState, rest = {}) => create(ExportSchema, { state, format: ExportFormat.HAR, ...rest });
  it.each([
    [undefined, at(ExportState.QUEUED), "Export started: Network requests (HAR). The button Exports shows it."],
    [at(ExportState.QUEUED), at(ExportState.RUNNING), ""],
    [at(ExportState.RUNNING), at(ExportState.RUNNING), ""],
    [at(ExportState.RUNNING), at(ExportState.QUEUED), ""],
    [at(ExportState.RUNNING), at(ExportState.DONE), "Export ready to download: Network requests (HAR)."],
    [
      at(ExportState.RUNNING),
      at(ExportState.FAILED, { failure }),
      "Network requests (HAR): The export failed. The server reports: it is too large.",
    ],
    [at(ExportState.RUNNING), at(ExportState.CANCELLED), ""],
  ])("%#", (before, after, words) => {
    expect(changeLabel(before, after)).toBe(words);
  });
});
