import { type KeyboardEvent, useId, useRef, useSyncExternalStore } from "react";
import { Button, IconButton } from "../ui/Button";
import { CloseIcon, DownloadIcon } from "../ui/icons";
import type { ExportJobs } from "./exportJobs";
import { ExportItem } from "./ExportItem";
import styles from "./ExportTray.module.css";
import { isOpen as isMaking, jobStateOf } from "./jobState";

/** The user's exports: a button in the console's frame, and the list below it. Not shown without exports. */
export function ExportTray({ jobs: all }: { jobs: ExportJobs }) {
  const jobs = useSyncExternalStore(all.subscribe, () => all.jobs);
  const listId = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLElement>(null);
  const shown = jobs.exports.flatMap((found) => {
    const job = jobStateOf(found, jobs.downloads.get(found.exportId));
    return job === undefined ? [] : [{ found, job }];
  });
  const running = shown.filter(({ found }) => isMaking(found)).length;
  const close = (): void => {
    all.setOpen(false);
    button.current?.focus();
  };
  const closeOnEscape = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && jobs.isOpen) {
      event.preventDefault();
      close();
    }
  };

  return (
    <>
      {shown.length === 0 ? null : (
        <Button
          ref={button}
          size="small"
          className={styles.button ?? ""}
          aria-expanded={jobs.isOpen}
          aria-controls={listId}
          onKeyDown={closeOnEscape}
          onClick={() => {
            all.setOpen(!jobs.isOpen);
          }}
        >
          <DownloadIcon />
          <span className={styles.word}>Exports</span>
          {running === 0 ? null : (
            <span className={styles.running}>
              {running}
              <span className="visually-hidden"> running</span>
            </span>
          )}
        </Button>
      )}
      {shown.length === 0 || !jobs.isOpen ? null : (
        <section
          ref={list}
          id={listId}
          className={styles.list}
          aria-label="Exports"
          tabIndex={-1}
          onKeyDown={closeOnEscape}
        >
          <header className={styles.head}>
            <h2>Exports</h2>
            <IconButton label="Close the exports" onClick={close}>
              <CloseIcon />
            </IconButton>
          </header>
          {jobs.problem === undefined ? null : (
            <div className={styles.problem} role="alert">
              <p>The progress is not up to date: {jobs.problem.title}.</p>
              <Button
                size="small"
                onClick={() => {
                  all.retry();
                }}
              >
                Try again
              </Button>
            </div>
          )}
          <ul>
            {shown.map(({ found, job }) => (
              <ExportItem
                key={found.exportId}
                found={found}
                job={job}
                problem={jobs.problems.get(found.exportId)}
                onSave={() => {
                  all.save(found);
                }}
                onCancel={() => {
                  list.current?.focus();
                  void all.cancel(found.exportId);
                }}
                onDelete={() => {
                  list.current?.focus();
                  void all.remove(found.exportId);
                }}
              />
            ))}
          </ul>
        </section>
      )}
      <p className="visually-hidden" role="status">
        {jobs.news}
      </p>
    </>
  );
}
