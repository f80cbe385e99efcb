import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Export, ExportState } from "@contract/export/v1/export_pb";
import { Link } from "react-router";
import type { Problem } from "../api/errors";
import { date } from "../format/time";
import { Button } from "../ui/Button";
import styles from "./ExportItem.module.css";
import { exportName, jobLabel, shareOf, sourceLabel } from "./jobLabels";
import { isOpen, type JobState } from "./jobState";

interface ExportItemProps {
  found: Export;
  job: JobState;
  /** Problem with the latest order of the user. */
  problem: Problem | undefined;
  onSave: () => void;
  onCancel: () => void;
  onDelete: () => void;
}

/** An export in the tray: its name, its state, and the buttons for it. */
export function ExportItem({ found, job, problem, onSave, onCancel, onDelete }: ExportItemProps) {
  const name = exportName(found);
  const source = sourceLabel(found);
  const of = `${name}, ${source}`;
  const share = shareOf(job);
  const save = job.kind === "saved" ? "Download again" : "Download";
  const isBusy = job.kind === "making" || job.kind === "downloading";
  return (
    <li className={styles.item}>
      <div className={styles.words}>
        <strong>{name}</strong>
        {found.content.case === "session" ? (
          <Link to={`/sessions/${found.content.value.sessionId}`}>{source}</Link>
        ) : (
          <span className={styles.source}>{source}</span>
        )}
      </div>
      {isBusy ? <progress aria-label={`Progress of ${of}`} {...(share === undefined ? {} : { value: share })} /> : null}
      <p className={job.kind === "failed" ? styles.failure : styles.state}>
        {jobLabel(job)}
        {job.kind === "ready" && found.expireTime !== undefined
          ? `, kept until ${date(timestampMs(found.expireTime))}`
          : ""}
      </p>
      {problem === undefined ? null : (
        <p className={styles.failure} role="alert">
          {problem.title}. {problem.advice}
        </p>
      )}
      <div className={styles.act}>
        {found.state === ExportState.DONE && job.kind !== "downloading" ? (
          <Button size="small" kind="primary" aria-label={`${save}: ${of}`} onClick={onSave}>
            {save}
          </Button>
        ) : null}
        {isOpen(found) ? (
          <Button size="small" aria-label={`Cancel: ${of}`} onClick={onCancel}>
            Cancel
          </Button>
        ) : (
          <Button size="small" aria-label={`Delete: ${of}`} onClick={onDelete}>
            Delete
          </Button>
        )}
      </div>
    </li>
  );
}
