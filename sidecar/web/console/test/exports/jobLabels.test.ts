import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ExportFileSchema, ExportSchema, ExportState } from "@contract/export/v1/export_pb";
import { describe, expect, it } from "vitest";
import { problem } from "../../src/api/errors";
import type { JobState } from "../../src/exports/exportJob";
import { jobLabel, shareOf } from "../../src/exports/jobLabels";

const file = create(ExportFileSchema, { name: "session.mp4", sizeBytes: 2_000_000n });

function making(state: ExportState, progress = {}): JobState {
  return { kind: "making", export: create(ExportSchema, { state, progress }) };
}

describe("the progress of an export", () => {
  it.each([
    [making(ExportState.QUEUED), "Waiting for a worker", undefined],
    [making(ExportState.RUNNING), "Reading the session", undefined],
    [making(ExportState.RUNNING, { doneCount: 5n, plannedCount: 20n }), "Exporting: 5 of 20 steps", 0.25],
    [
      making(ExportState.RUNNING, { doneCount: 5n, plannedCount: 20n, remainingDuration: durationFromMs(65_000) }),
      "Exporting: 5 of 20 steps, 1 min 5 s left",
      0.25,
    ],
    [{ kind: "downloading", receivedBytes: 500_000, file }, "Downloading 500 KB of 2 MB", 0.25],
    [{ kind: "saved", file }, "Saved as session.mp4, 2 MB", undefined],
    [{ kind: "failed", problem: problem("busy", { title: "No", advice: "Wait." }) }, "No. Wait.", undefined],
  ] satisfies [JobState, string, number | undefined][])("%#", (job, label, share) => {
    expect([jobLabel(job), shareOf(job)]).toEqual([label, share]);
  });
});
