import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { clock, duration } from "../format/time";
import { actionText, oddLabel } from "./labels";
import { gathered, marksOf, marksOfOdd, percentAt } from "./timeline";
import styles from "./Timeline.module.css";
import { binsFor, TimelineStrip } from "./TimelineStrip";
import { usePlayer, usePlayerState } from "./usePlayer";

/** Marks nearer than this are shown as one, in pixels. */
const MARK_PX = 9;

/** Shortest interval between pictures during dragging, in milliseconds. */
const SCRUB_MS = 120;

/** Position in the session, its events, and the way to any other moment. */
export function Timeline() {
  const player = usePlayer();
  const startMs = usePlayerState(player, (state) => state.startMs);
  const endMs = usePlayerState(player, (state) => state.endMs);
  const actions = usePlayerState(player, (state) => state.actions);
  const oddEvents = usePlayerState(player, (state) => state.oddEvents);
  const pauses = usePlayerState(player, (state) => state.pauses);
  const unknown = usePlayerState(player, (state) => state.unknown);
  const skipsPauses = usePlayerState(player, (state) => state.skipsPauses);
  const loaded = usePlayerState(player, (state) => state.loaded);
  const version = usePlayerState(player, (state) => state.activityVersion);

  const bar = useRef<HTMLDivElement>(null);
  const width = useWidth(bar);
  const [hoverMs, setHoverMs] = useState<number | null>(null);
  const [dragMs, setDragMs] = useState<number | null>(null);
  const scrubbed = useRef(0);

  const bins = binsFor({ fromMs: startMs, toMs: endMs });
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the version changes with the player's counts
  const histogram = useMemo(() => player.histogram(bins), [player, version, startMs, endMs, bins]);
  const marks = useMemo(() => {
    const within = [...marksOf(actions, actionText), ...marksOfOdd(oddEvents, oddLabel)]
      .filter((mark) => mark.timeMs >= startMs && mark.timeMs <= endMs)
      .sort((one, other) => one.timeMs - other.timeMs);
    return gathered(within, ((endMs - startMs) / Math.max(1, width)) * MARK_PX);
  }, [actions, oddEvents, startMs, endMs, width]);

  const at = (ms: number): string => `${percentAt(ms, startMs, endMs)}%`;
  const timeOf = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return startMs + part * (endMs - startMs);
  };
  const shownMs = dragMs ?? hoverMs;
  const near =
    shownMs === null
      ? undefined
      : marks.find(
          (mark) => Math.abs(mark.timeMs - shownMs) <= ((endMs - startMs) / Math.max(1, width)) * (MARK_PX / 2),
        );

  return (
    <div className={styles.timeline}>
      <div
        ref={bar}
        className={styles.bar}
        onPointerDown={(event) => {
          if (event.button !== 0) {
            return;
          }
          event.currentTarget.setPointerCapture(event.pointerId);
          setDragMs(timeOf(event));
        }}
        onPointerMove={(event) => {
          const ms = timeOf(event);
          setHoverMs(ms);
          if (dragMs === null) {
            return;
          }
          setDragMs(ms);
          // Missing chunks are fetched when the pointer is released.
          const isLoaded = ms >= loaded.fromMs && ms <= loaded.toMs;
          if (isLoaded && event.timeStamp - scrubbed.current >= SCRUB_MS) {
            scrubbed.current = event.timeStamp;
            player.seek(ms);
          }
        }}
        onPointerUp={(event) => {
          if (dragMs === null) {
            return;
          }
          setDragMs(null);
          player.seek(timeOf(event));
        }}
        onPointerCancel={() => {
          setDragMs(null);
        }}
        onPointerLeave={() => {
          setHoverMs(null);
        }}
      >
        <TimelineStrip
          span={{ fromMs: startMs, toMs: endMs }}
          histogram={histogram}
          pauses={pauses}
          skipsPauses={skipsPauses}
          marks={marks}
        />
        {unknown.map((span) => (
          <span
            key={span.fromMs}
            className={styles.unknown}
            title="Activity not loaded yet"
            style={{ left: at(span.fromMs), width: `calc(${at(span.toMs)} - ${at(span.fromMs)})` }}
          />
        ))}
        <div className={styles.track}>
          <span
            className={styles.loaded}
            style={{ left: at(loaded.fromMs), width: `calc(${at(loaded.toMs)} - ${at(loaded.fromMs)})` }}
          />
          <Played dragMs={dragMs} startMs={startMs} endMs={endMs} />
        </div>
        {shownMs === null ? null : (
          <span className={styles.hover} style={{ left: at(shownMs) }}>
            <span className={styles.tip} data-side={percentAt(shownMs, startMs, endMs) > 50 ? "left" : "right"}>
              <b>{clock(shownMs - startMs)}</b>
              {near === undefined ? null : `\n${near.label}`}
              {near !== undefined && near.count > 6 ? `\n… ${near.count} in all` : null}
            </span>
          </span>
        )}
        <Knob dragMs={dragMs} startMs={startMs} endMs={endMs} />
      </div>
    </div>
  );
}

interface PlaceProps {
  dragMs: number | null;
  startMs: number;
  endMs: number;
}

function Played({ dragMs, startMs, endMs }: PlaceProps) {
  const atMs = usePlayerState(usePlayer(), (state) => state.atMs);
  return <span className={styles.played} style={{ width: `${percentAt(dragMs ?? atMs, startMs, endMs)}%` }} />;
}

/** The playhead, which the keyboard moves as well. */
function Knob({ dragMs, startMs, endMs }: PlaceProps) {
  const player = usePlayer();
  const atMs = usePlayerState(player, (state) => state.atMs);
  const isKnown = usePlayerState(player, (state) => state.details !== null);
  const ms = dragMs ?? atMs;
  const onKeyDown = (event: KeyboardEvent): void => {
    const target = {
      Home: startMs,
      End: endMs,
      PageUp: ms + (endMs - startMs) / 10,
      PageDown: ms - (endMs - startMs) / 10,
    }[event.key];
    if (target === undefined) {
      return;
    }
    event.preventDefault();
    player.seek(target);
  };
  return (
    <span
      className={styles.knob}
      style={{ left: `${percentAt(ms, startMs, endMs)}%` }}
      role="slider"
      tabIndex={0}
      aria-label="Position"
      aria-valuemin={0}
      aria-valuemax={Math.round((endMs - startMs) / 1000)}
      aria-valuenow={Math.round((ms - startMs) / 1000)}
      aria-valuetext={isKnown ? `${duration(ms - startMs)} of ${duration(endMs - startMs)}` : "Loading"}
      onKeyDown={onKeyDown}
    />
  );
}

function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (target === null) {
      return undefined;
    }
    const observer = new ResizeObserver(([entry]) => {
      setWidth(entry?.contentRect.width ?? 0);
    });
    observer.observe(target);
    return () => {
      observer.disconnect();
    };
  }, [element]);
  return width;
}
