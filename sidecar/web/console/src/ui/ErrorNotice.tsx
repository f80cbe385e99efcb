import type { ReactNode } from "react";
import type { Problem } from "../api/errors";
import { Button } from "./Button";
import styles from "./ErrorNotice.module.css";

interface ErrorNoticeProps {
  problem: Problem;
  /** Tries again; without it there is no such button. */
  onRetry?: () => void;
  children?: ReactNode;
}

/** Shows a problem and its remedy. */
export function ErrorNotice({ problem, onRetry, children }: ErrorNoticeProps) {
  return (
    <section className={styles.notice} role="alert">
      <h2>{problem.title}</h2>
      <p>{problem.advice}</p>
      {problem.reference === undefined ? null : (
        <p className={styles.reference}>
          For the administrator: <code>{problem.reference}</code>
        </p>
      )}
      {children}
      {onRetry === undefined || !problem.mayRetry ? null : <Button onClick={onRetry}>Try again</Button>}
    </section>
  );
}
