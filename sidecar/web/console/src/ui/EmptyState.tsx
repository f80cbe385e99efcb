import type { ReactNode } from "react";
import styles from "./EmptyState.module.css";

/** Shows that a list is empty, with the reason and a remedy. */
export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <section className={styles.empty}>
      <h2>{title}</h2>
      {children === undefined ? null : <div className={styles.words}>{children}</div>}
      {action}
    </section>
  );
}
