import { useRef, useState, type PointerEvent } from "react";
import type { Choice } from "./choice";
import { HeatmapCanvas } from "./HeatmapCanvas";
import { type Extent, type HeatmapData, isBands } from "./heatmapData";
import { type Hit, hitTest } from "./hitTest";
import { hitLabel, KINDS } from "./labels";
import { PagePicture } from "./PagePicture";
import styles from "./Stage.module.css";

interface StageProps {
  heat: HeatmapData;
  choice: Choice;
  /** Size of the page, in CSS pixels of it. */
  page: Extent;
  /** Radius around the pointer that is counted, in the same unit. */
  reach: number;
}

/** Count at the pointer; places in percent of the page. */
interface Pointed {
  readonly x: number;
  readonly y: number;
  readonly hit: Hit;
}

/** The page with the heatmap over it, and the count at the pointer. */
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
    setPointed({ x, y, hit: hitTest(heat, x, y, page, reach) });
  };

  const kind = KINDS.find((one) => one.kind === heat.kind)?.label ?? "";
  return (
    <div className={styles.frame} role="region" aria-label="Map" tabIndex={0}>
      <div
        ref={area}
        className={styles.stage}
        // A phone's page is not blown up to the width of a desktop's.
        style={{ aspectRatio: `${page.width} / ${page.height}`, maxWidth: page.width }}
        onPointerMove={point}
        onPointerLeave={() => {
          setPointed(undefined);
        }}
      >
        <PagePicture choice={choice} page={page} viewport={heat.viewport} />
        <HeatmapCanvas heat={heat} page={page} label={`Heatmap of ${choice.page}: ${kind}`} />
        {pointed === undefined ? null : <HitCaption pointed={pointed} reach={reach} heat={heat} page={page} />}
      </div>
    </div>
  );
}

function HitCaption({
  pointed,
  reach,
  heat,
  page,
}: {
  pointed: Pointed;
  reach: number;
  heat: HeatmapData;
  page: Extent;
}) {
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
        {hitLabel(heat.kind, pointed.hit, reach)}
      </div>
    </>
  );
}
