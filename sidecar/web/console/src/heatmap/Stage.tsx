import { useRef, useState, type PointerEvent } from "react";
import type { Choice } from "./choice";
import { type Extent, type Heat, isBands } from "./heat";
import { HeatmapCanvas } from "./HeatmapCanvas";
import { PagePicture } from "./PagePicture";
import { type Reading, readingAt } from "./reading";
import styles from "./Stage.module.css";
import { KINDS, readingWords } from "./words";

interface StageProps {
  heat: Heat;
  choice: Choice;
  /** Size of the page, in CSS pixels of it. */
  page: Extent;
  /** How far around the pointer is counted, in the same. */
  reach: number;
}

/** What the pointer is over; places in percent of the page. */
interface Pointed {
  readonly x: number;
  readonly y: number;
  readonly reading: Reading;
}

/** The page with the heat over it, and what is counted under the pointer. */
export function Stage({ heat, choice, page, reach }: StageProps) {
  const area = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Pointed>();

  const point = (event: PointerEvent): void => {
    const box = area.current?.getBoundingClientRect();
    if (box === undefined) {
      return;
    }
    const x = ((event.clientX - box.left) / box.width) * 100;
    const y = ((event.clientY - box.top) / box.height) * 100;
    setPointed({ x, y, reading: readingAt(heat, x, y, page, reach) });
  };

  const kind = KINDS.find((one) => one.kind === heat.kind)?.label ?? "";
  return (
    <div className={styles.frame} role="region" aria-label="Map" tabIndex={0}>
      <div
        ref={area}
        className={styles.stage}
        style={{ aspectRatio: `${page.width} / ${page.height}` }}
        onPointerMove={point}
        onPointerLeave={() => {
          setPointed(undefined);
        }}
      >
        <PagePicture choice={choice} page={page} viewport={heat.viewport} />
        <HeatmapCanvas heat={heat} page={page} label={`Heatmap of ${choice.page}: ${kind}`} />
        {pointed === undefined ? null : <Under pointed={pointed} reach={reach} heat={heat} page={page} />}
      </div>
    </div>
  );
}

function Under({ pointed, reach, heat, page }: { pointed: Pointed; reach: number; heat: Heat; page: Extent }) {
  const bands = isBands(heat.kind);
  const half = bands ? 50 / heat.resolution : (reach / page.height) * 100;
  const top = bands ? Math.floor((pointed.y * heat.resolution) / 100) * half * 2 : pointed.y - half;
  return (
    <>
      <div
        className={bands ? styles.band : styles.circle}
        style={{
          top: `${top}%`,
          height: `${2 * half}%`,
          ...(bands
            ? {}
            : { left: `${pointed.x - (reach / page.width) * 100}%`, width: `${(200 * reach) / page.width}%` }),
        }}
      />
      <div
        className={styles.words}
        style={{
          top: `${pointed.y}%`,
          left: `${pointed.x}%`,
          transform: `translate(${pointed.x > 60 ? "calc(-100% - 18px)" : "18px"}, ${pointed.y > 90 ? "-110%" : "10px"})`,
        }}
      >
        {readingWords(heat.kind, pointed.reading, reach)}
      </div>
    </>
  );
}
