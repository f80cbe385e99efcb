import { memo, useEffect, useRef, useState } from "react";
import { draw } from "./drawing";
import styles from "./HeatmapCanvas.module.css";
import type { Extent, HeatmapData } from "./heatmapData";

/** Props of HeatmapCanvas. */
interface Props {
  readonly heat: HeatmapData;
  /** Size of the page that it lies over, in CSS pixels of that page. */
  readonly page: Extent;
  /** Description of the heatmap for screen readers. */
  readonly label: string;
}

/**
 * A heatmap, drawn at its size on the screen. It fills its parent, and is redrawn only when the heatmap, the page's
 * size, its own size or the screen's pixel ratio has changed.
 */
export const HeatmapCanvas = memo(function HeatmapCanvas({ heat, page, label }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useDeviceSize(canvas);
  useEffect(() => {
    if (canvas.current !== null && size.width > 0) {
      draw(canvas.current, heat, page, size);
    }
  }, [heat, page, size]);
  return <canvas ref={canvas} className={styles.canvas} role="img" aria-label={label} />;
});

/** Returns an element's size in pixels of the screen; it changes with the element and with zooming. */
function useDeviceSize(element: React.RefObject<HTMLCanvasElement | null>): Extent {
  const [size, setSize] = useState<Extent>({ width: 0, height: 0 });
  useEffect(() => {
    const watched = element.current;
    if (watched === null) {
      return;
    }
    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) {
        return;
      }
      const { width, height } = entry.contentRect;
      const next = { width: Math.round(width * devicePixelRatio), height: Math.round(height * devicePixelRatio) };
      setSize((last) => (last.width === next.width && last.height === next.height ? last : next));
    });
    observer.observe(watched);
    return () => {
      observer.disconnect();
    };
  }, [element]);
  return size;
}
