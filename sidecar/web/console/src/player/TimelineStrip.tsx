import { useMemo } from "react";
import type { Span } from "./spans";
import { histogramPath, type Mark, percentAt } from "./timeline";
import styles from "./Timeline.module.css";

/** Maximum number of bars in the histogram; a short session has one per second, the resolution of the counts. */
const MOST_BINS = 240;
const LEAST_BINS = 12;

/** Returns the number of bars for a span. */
export function binsFor({ fromMs, toMs }: Span): number {
  return Math.min(MOST_BINS, Math.max(LEAST_BINS, Math.round((toMs - fromMs) / 1000)));
}

interface TimelineStripProps {
  /** The session. */
  span: Span;
  /** Amount of activity in each of equal parts of it. */
  histogram: readonly number[];
  pauses: readonly Span[];
  /** Whether the pauses are skipped. */
  skipsPauses: boolean;
  marks: readonly Mark[];
}

/** A session's activity with its pauses and marks, as wide as the element around it. */
export function TimelineStrip({ span, histogram, pauses, skipsPauses, marks }: TimelineStripProps) {
  const path = useMemo(() => histogramPath(histogram), [histogram]);
  const at = (ms: number): string => `${percentAt(ms, span.fromMs, span.toMs)}%`;
  return (
    <>
      <svg
        className={styles.activity}
        viewBox={`0 0 ${histogram.length} 100`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path d={path} />
      </svg>
      {pauses.map((pause) => (
        <span
          key={pause.fromMs}
          className={skipsPauses ? styles.skipped : styles.pause}
          style={{ left: at(pause.fromMs), width: `calc(${at(pause.toMs)} - ${at(pause.fromMs)})` }}
        />
      ))}
      {marks.map((mark) => (
        <span
          key={`${mark.kind}${mark.timeMs}`}
          className={[styles.mark, styles[mark.kind]].join(" ")}
          data-mark={mark.kind}
          style={{ left: at(mark.timeMs) }}
        />
      ))}
    </>
  );
}
