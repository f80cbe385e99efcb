import { useMemo } from "react";
import { type Extent, type Heat, isBands } from "./heat";
import styles from "./HottestTable.module.css";
import { hottestPlaces } from "./reading";
import { amountWords, percentWords } from "./words";

/** The hottest places in numbers, for who does not see colours. */
export function HottestTable({ heat, page, reach }: { heat: Heat; page: Extent; reach: number }) {
  const places = useMemo(() => hottestPlaces(heat, page, reach, 10), [heat, page, reach]);
  const bands = isBands(heat.kind);
  return (
    <details className={styles.details}>
      <summary>The hottest {bands ? "bands" : "places"} as a table</summary>
      <table className={styles.table}>
        <thead>
          <tr>
            {bands ? null : <th scope="col">From the left</th>}
            <th scope="col">From the top</th>
            <th scope="col">Counted</th>
            <th scope="col">Of all</th>
          </tr>
        </thead>
        <tbody>
          {places.map(({ x, y, count, share }) => (
            <tr key={`${x} ${y}`}>
              {bands ? null : <td>{percentWords(x / 100)}</td>}
              <td>{percentWords(y / 100)}</td>
              <td>{amountWords(heat.kind, count)}</td>
              <td>{percentWords(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
