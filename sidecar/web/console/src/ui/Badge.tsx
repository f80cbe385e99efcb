import type { ReactNode } from "react";
import styles from "./Badge.module.css";

export type Tone = "neutral" | "accent" | "danger" | "warning" | "success" | "violet";

/** A short fact with a colour; the words carry the meaning, the colour only repeats it. */
export function Badge({ tone = "neutral", title, children }: { tone?: Tone; title?: string; children: ReactNode }) {
  return (
    <span className={[styles.badge, styles[tone]].join(" ")} title={title}>
      {children}
    </span>
  );
}

/** The badge of something in progress. */
export function LiveBadge() {
  return (
    <span className={[styles.badge, styles.success].join(" ")}>
      <span className={styles.pulse} aria-hidden="true" />
      Live
    </span>
  );
}
