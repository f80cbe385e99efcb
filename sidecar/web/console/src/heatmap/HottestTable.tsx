import { useMemo } from "react";
import { type Extent, type HeatmapData, isBands } from "./heatmapData";
import { hottestPlaces } from "./hitTest";
import styles from "./HottestTable.module.css";
import { amountLabel, percentLabel } from "./labels";

/** The hottest places in numbers, as an alternative to the colours. */
export function HottestTable({ heat, page, reach }: { heat: HeatmapData; page: Extent; reach: number }) {
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
              {bands ? null : <td>{percentLabel(x / 100)}</td>}
              <td>{percentLabel(y / 100)}</td>
              <td>{amountLabel(heat.kind, count)}</td>
              <td>{percentLabel(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
