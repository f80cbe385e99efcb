import { Button } from "../ui/Button";
import type { JobState } from "./exportJob";
import styles from "./JobProgress.module.css";
import { jobLabel, shareOf } from "./jobLabels";

interface JobProgressProps {
  job: JobState;
  onAnother: () => void;
}

/** Where an export is, with a bar while it is made and downloaded. */
export function JobProgress({ job, onAnother }: JobProgressProps) {
  const isOver = job.kind === "saved" || job.kind === "failed";
  const share = shareOf(job);
  return (
    <section className={styles.job} aria-label="Export">
      {isOver ? null : <progress aria-label="Progress" {...(share === undefined ? {} : { value: share })} />}
      <p className={job.kind === "failed" ? styles.failure : undefined} role={isOver ? "alert" : undefined}>
        {jobLabel(job)}
      </p>
      {isOver ? null : <p className={styles.hint}>Closing this dialog cancels the export.</p>}
      {isOver ? (
        <div className={styles.act}>
          <Button onClick={onAnother}>Another export</Button>
        </div>
      ) : null}
    </section>
  );
}
