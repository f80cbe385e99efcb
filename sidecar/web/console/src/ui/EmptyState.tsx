import type { ReactNode } from "react";
import styles from "./EmptyState.module.css";

/** Says that there is nothing here, why, and what to do. */
export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <section className={styles.empty}>
      <h2>{title}</h2>
      {children === undefined ? null : <div className={styles.words}>{children}</div>}
      {action}
    </section>
  );
}
