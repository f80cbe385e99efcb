// Texts of the progress of an export. Pure.
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ExportState } from "@contract/export/v1/export_pb";
import { number, size } from "../format/amounts";
import { duration } from "../format/time";
import type { JobState } from "./exportJob";

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
    case "downloading":
      return `Downloading ${size(job.receivedBytes)} of ${size(job.file.sizeBytes)}`;
    case "saved":
      return `Saved as ${job.file.name}, ${size(job.file.sizeBytes)}`;
    case "failed":
      return `${job.problem.title}. ${job.problem.advice}`;
  }
}

function makingLabel({ export: made }: Extract<JobState, { kind: "making" }>): string {
  if (made.state === ExportState.QUEUED) {
    return "Waiting for a worker";
  }
  const { doneCount = 0n, plannedCount = 0n, remainingDuration } = made.progress ?? {};
  if (plannedCount === 0n) {
    return "Reading the session";
  }
  const left = remainingDuration === undefined ? "" : `, ${duration(durationMs(remainingDuration))} left`;
  return `Exporting: ${number(doneCount)} of ${number(plannedCount)} steps${left}`;
}
