import styles from "./ActivityBars.module.css";
import { ACTIVITY_STEP_MS, ACTIVITY_STEPS } from "./liveSessions";

const BAR = 4;
const GAP = 2;
const HEIGHT = 20;
/** Events in a step that fill a bar; more do not make it higher. */
const FULL = 150;

/** How much happened in the last minute, a bar for every five seconds. */
export function ActivityBars({ activity }: { activity: readonly number[] }) {
  return (
    <svg
      className={styles.bars}
      width={ACTIVITY_STEPS * (BAR + GAP) - GAP}
      height={HEIGHT}
      role="img"
      aria-label={`${activity.reduce((sum, count) => sum + count, 0)} events in the last ${(ACTIVITY_STEPS * ACTIVITY_STEP_MS) / 1000} seconds`}
    >
      {activity.map((count, step) => {
        // Square root: a single click must be visible beside a page that is loading.
        const height = count === 0 ? 2 : Math.max(4, Math.min(1, Math.sqrt(count / FULL)) * HEIGHT);
        return (
          <rect
            key={step}
            className={count === 0 ? styles.none : styles.some}
            x={step * (BAR + GAP)}
            y={HEIGHT - height}
            width={BAR}
            height={height}
            rx="1"
          />
        );
      })}
    </svg>
  );
}
