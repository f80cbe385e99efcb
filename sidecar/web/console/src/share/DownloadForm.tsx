import { useEffect, useState, type SyntheticEvent } from "react";
import { ExportFormat } from "@contract/export/v1/export_pb";
import { useApi } from "../api/context";
import { FORMAT, jobLabel, shareOf } from "../exports/jobLabels";
import type { JobState } from "../exports/jobState";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import styles from "./DownloadForm.module.css";
import { linkDownload } from "./linkDownload";

const FORMATS = [ExportFormat.MP4, ExportFormat.HTML] as const;

/** Has a file of the shared part made, and saves it. Closing the dialog ends the download, not the making. */
export function DownloadForm({ sessionId }: { sessionId: string }) {
  const api = useApi();
  const [format, setFormat] = useState<ExportFormat>(ExportFormat.MP4);
  const [asked, setAsked] = useState<{ format: ExportFormat }>();
  const [job, setJob] = useState<JobState>();

  useEffect(
    () => (asked === undefined ? undefined : linkDownload(api, sessionId, asked.format, setJob)),
    [api, sessionId, asked],
  );

  const isOver = job === undefined || job.kind === "saved" || job.kind === "failed";
  const share = job === undefined ? undefined : shareOf(job);
  return (
    <form
      className={styles.form}
      onSubmit={(event: SyntheticEvent) => {
        event.preventDefault();
        setJob(undefined);
        setAsked({ format });
      }}
    >
      <Field label="Format" hint="The file shows the label of this link, and it was made for you: do not pass it on.">
        {(control) => (
          <select
            {...control}
            value={format}
            disabled={!isOver}
            onChange={(event) => {
              setFormat(FORMATS.find((one) => String(one) === event.target.value) ?? ExportFormat.MP4);
            }}
          >
            {FORMATS.map((value) => (
              <option key={value} value={value}>
                {FORMAT[value]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {isOver ? null : <progress aria-label="Progress" {...(share === undefined ? {} : { value: share })} />}
      {job === undefined ? null : (
        <p className={job.kind === "failed" ? styles.failure : undefined} role={isOver ? "alert" : undefined}>
          {jobLabel(job)}
        </p>
      )}
      <div className={styles.act}>
        <Button kind="primary" type="submit" disabled={!isOver}>
          Download
        </Button>
      </div>
    </form>
  );
}
