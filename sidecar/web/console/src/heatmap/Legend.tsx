import { useEffect, useRef } from "react";
import type { Extent, HeatmapData } from "./heatmapData";
import { legendLabels } from "./labels";
import styles from "./Legend.module.css";
import { RAMP_SIZE, rampColour } from "./ramp";

/** The colours from cold to hot, with the numbers that they stand for. */
export function Legend({ heat, page, reach }: { heat: HeatmapData; page: Extent; reach: number }) {
  const [cold, middle, hot] = legendLabels(heat, page, reach);
  return (
    <figure className={styles.legend} aria-label={`Colours: from ${cold} to ${hot}`}>
      <Ramp />
      <figcaption className={styles.ticks}>
        <span>{cold}</span>
        <span>{middle}</span>
        <span>{hot}</span>
      </figcaption>
    </figure>
  );
}

function Ramp() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    for (let index = 0; index < RAMP_SIZE; index++) {
      if (context) {
        context.fillStyle = rampColour(index / (RAMP_SIZE - 1), 1);
        context.fillRect(index, 0, 1, 1);
      }
    }
  }, []);
  return <canvas ref={canvas} className={styles.ramp} width={RAMP_SIZE} height={1} aria-hidden="true" />;
}
