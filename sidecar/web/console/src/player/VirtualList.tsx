import { useEffect, useRef, useState, type ReactNode } from "react";
import styles from "./VirtualList.module.css";

/** Height of a row in pixels; the style sheet has the same. */
const ROW_PX = 32;
const SPARE_ROWS = 6;

interface VirtualListProps<Row> {
  label: string;
  rows: readonly Row[];
  /** The row of the current moment; it is kept in view until the user scrolls. */
  current: number;
  onChoose: (row: Row) => void;
  children: (row: Row) => ReactNode;
}

/** A list with only its visible rows in the document. */
export function VirtualList<Row>({ label, rows, current, onChoose, children }: VirtualListProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const touched = useRef(0);

  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    const observer = new ResizeObserver(() => {
      setView({ top: element.scrollTop, height: element.clientHeight });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, []);

  useEffect(() => {
    const element = box.current;
    if (element === null || current < 0 || Date.now() - touched.current < 5_000) {
      return;
    }
    const top = current * ROW_PX;
    if (top < element.scrollTop + ROW_PX || top > element.scrollTop + element.clientHeight - 2 * ROW_PX) {
      element.scrollTop = Math.max(0, top - element.clientHeight / 2);
    }
  }, [current]);

  const first = Math.max(0, Math.floor(view.top / ROW_PX) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + SPARE_ROWS);
  const touch = (): void => {
    touched.current = Date.now();
  };
  return (
    <div
      ref={box}
      className={styles.list}
      role="list"
      aria-label={label}
      tabIndex={0}
      onScroll={(event) => {
        setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight });
      }}
      onWheel={touch}
      onPointerDown={touch}
      onKeyDown={touch}
    >
      <div style={{ height: rows.length * ROW_PX }}>
        <div style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {rows.slice(first, last).map((row, offset) => (
            <div key={first + offset} role="listitem">
              <button
                type="button"
                className={styles.row}
                aria-current={first + offset === current}
                onClick={() => {
                  onChoose(row);
                }}
              >
                {children(row)}
              </button>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
