import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import type { Problem } from "../api/errors";
import { clock, duration } from "../format/time";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Spinner } from "../ui/Loading";
import { Controls } from "./Controls";
import { isTaken, type Order, orderOf } from "./keyboard";
import { actionText } from "./labels";
import { MissingFilesLine } from "./MissingFilesLine";
import { Player } from "./player";
import { type FrameLink, PlayerFrame } from "./PlayerFrame";
import { type PlayerState, SPEEDS } from "./playerState";
import styles from "./PlayerView.module.css";
import { Shortcuts } from "./Shortcuts";
import { SidePanel } from "./SidePanel";
import type { SessionSource } from "./source";
import { Timeline } from "./Timeline";
import { marksOf } from "./timeline";
import { PlayerContext, usePlayerState } from "./usePlayer";

export interface PlayerViewProps {
  /** The session; another one begins anew. */
  source: SessionSource;
  /** Begins at the newest moment of a live session and keeps to it. */
  follow?: boolean;
  /** Only this part, as offsets from the session's start in milliseconds. */
  range?: { startMs?: number | undefined; endMs?: number | undefined };
  /** Offset into the session at which playing begins, in milliseconds. */
  beginAtMs?: number;
  autoPlay?: boolean;
  /** Whether there is a panel with activity, console, network and facts. */
  hasPanel?: boolean;
  /** Shown instead of a problem that ends the player. */
  problemView: (problem: Problem, retry: () => void) => ReactNode;
  /** Called with each new state of the player. */
  onState?: (state: PlayerState) => void;
  /** A data: URL of the document that replays, in place of that of the server; its origin is its own. */
  frameAddress?: string;
}

/** Plays one session. It fills its parent box. */
export function PlayerView({
  source,
  follow = false,
  range,
  beginAtMs,
  autoPlay = true,
  hasPanel = true,
  problemView,
  onState,
  frameAddress,
}: PlayerViewProps) {
  const [player, setPlayer] = useState<Player | null>(null);
  const [attempt, setAttempt] = useState(0);
  const link = useRef<FrameLink | null>(null);
  const [rangeStartMs, rangeEndMs] = [range?.startMs, range?.endMs];

  useEffect(() => {
    const created = new Player({
      source,
      follow,
      range: { startMs: rangeStartMs, endMs: rangeEndMs },
      autoPlay,
      ...(beginAtMs === undefined ? {} : { beginAtMs }),
    });
    setPlayer(created);
    if (link.current !== null) {
      created.attach(link.current);
    }
    created.start();
    return () => {
      created.close();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the beginning is only read once
  }, [source, follow, rangeStartMs, rangeEndMs, attempt]);

  useEffect(() => {
    if (player === null || onState === undefined) {
      return undefined;
    }
    return player.subscribe(() => {
      onState(player.state);
    });
  }, [player, onState]);

  const connect = useCallback(
    (next: FrameLink) => {
      link.current = next;
      player?.attach(next);
    },
    [player],
  );
  const retry = useCallback(() => {
    setAttempt((count) => count + 1);
  }, []);

  return (
    <PlayerContext value={player}>
      <Layout
        player={player}
        onConnect={connect}
        hasPanel={hasPanel}
        retry={retry}
        problemView={problemView}
        frameAddress={frameAddress}
      />
    </PlayerContext>
  );
}

interface LayoutProps {
  player: Player | null;
  onConnect: (link: FrameLink) => void;
  hasPanel: boolean;
  retry: () => void;
  problemView: PlayerViewProps["problemView"];
  frameAddress: string | undefined;
}

function Layout({ player, onConnect, hasPanel, retry, problemView, frameAddress }: LayoutProps) {
  const box = useRef<HTMLDivElement>(null);
  const [isPanelOpen, setIsPanelOpen] = useState(() => window.innerWidth > 1000);
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const phase = usePlayerState(player, (state) => state.phase);
  const problem = usePlayerState(player, (state) => state.problem);

  const carryOut = useCallback(
    (order: Order) => {
      switch (order.kind) {
        case "panel":
          if (hasPanel) {
            setIsPanelOpen((isOpen) => !isOpen);
          }
          break;
        case "help":
          setIsHelpOpen((isOpen) => !isOpen);
          break;
        case "full-screen":
          void toggleFullScreen(box.current);
          break;
        default:
          if (player !== null) {
            play(player, order);
          }
      }
    },
    [player, hasPanel],
  );

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isTaken(event.target, event.key)) {
        return;
      }
      const order = orderOf(event);
      if (order === null) {
        return;
      }
      event.preventDefault();
      carryOut(order);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => {
      window.removeEventListener("keydown", onKeyDown);
    };
  }, [carryOut]);

  if (phase === "failed" && problem !== null) {
    return problemView(problem, retry);
  }
  return (
    <div ref={box} className={styles.player} data-phase={phase}>
      <div className={styles.main}>
        <div className={styles.picture}>
          <PlayerFrame title="Replay of the recorded page" onConnect={onConnect} address={frameAddress} />
          {/* Takes the clicks, so that none reaches the recorded page and the keyboard stays with the player. */}
          <div
            className={styles.glass}
            onClick={() => {
              player?.toggle();
            }}
          />
          <PlayerOverlay player={player} onRetry={retry} hasPanel={hasPanel} />
        </div>
        {player === null ? null : (
          <>
            <MissingFilesLine canBeAllowed={frameAddress === undefined} />
            <Timeline />
            <Controls
              isPanelOpen={isPanelOpen}
              onPanel={
                hasPanel
                  ? () => {
                      setIsPanelOpen(!isPanelOpen);
                    }
                  : null
              }
              onFullScreen={() => {
                void toggleFullScreen(box.current);
              }}
              onHelp={() => {
                setIsHelpOpen(true);
              }}
            />
          </>
        )}
      </div>
      {hasPanel && isPanelOpen && player !== null ? <SidePanel /> : null}
      {isHelpOpen && player !== null ? (
        <Shortcuts
          hasPanel={hasPanel}
          onClose={() => {
            setIsHelpOpen(false);
          }}
        />
      ) : null}
    </div>
  );
}

/** Overlays of the picture: waiting, empty recording, skipped pause, lost connection. */
function PlayerOverlay({
  player,
  onRetry,
  hasPanel,
}: {
  player: Player | null;
  onRetry: () => void;
  hasPanel: boolean;
}) {
  const phase = usePlayerState(player, (state) => state.phase);
  const isWaiting = usePlayerState(player, (state) => state.isWaiting);
  const problem = usePlayerState(player, (state) => state.problem);
  const notice = usePlayerState(player, (state) => state.notice);
  const connection = usePlayerState(player, (state) => state.connection);
  const isLive = usePlayerState(player, (state) => state.live !== null);
  const hasPicture = usePlayerState(player, (state) => state.hasPicture);
  const quietUntil = usePlayerState(player, ({ quietUntilMs, startMs }) =>
    quietUntilMs === null ? null : clock(quietUntilMs - startMs),
  );

  if (phase === "empty") {
    return (
      <div className={styles.over}>
        <EmptyState title="There is no picture in this recording">
          <p>
            {isLive
              ? "The page has not sent a full snapshot yet. It does so when it has loaded; this page shows it then."
              : "It ended before the page sent its first full snapshot: the visitor left at once, or the page was too large." +
                (hasPanel ? " The panel has its counts." : "")}
          </p>
        </EmptyState>
      </div>
    );
  }
  return (
    <>
      {phase === "ready" && !hasPicture && !isWaiting ? (
        <div className={styles.over}>
          <EmptyState title="No picture yet">
            <p>At this moment the page had not sent its first full snapshot.</p>
          </EmptyState>
        </div>
      ) : null}
      {isWaiting && problem === null ? (
        <div className={styles.waiting}>
          <Spinner label={phase === "loading" ? "Loading the session" : "Loading this moment"} />
        </div>
      ) : null}
      <div className={styles.notices} aria-live="polite">
        {problem === null ? null : (
          <div className={styles.notice}>
            <b>{problem.title}.</b> {problem.advice}{" "}
            <Button size="small" onClick={onRetry}>
              Try again
            </Button>
          </div>
        )}
        {connection?.kind === "waiting" ? (
          <div className={styles.notice}>
            <b>{connection.problem.title}.</b> Loaded parts still play; the player reconnects by itself.{" "}
            <Button
              size="small"
              onClick={() => {
                player?.reconnectNow();
              }}
            >
              Try now
            </Button>
          </div>
        ) : null}
        {quietUntil === null ? null : (
          <div className={styles.notice}>
            No activity until {quietUntil}.{" "}
            <Button
              size="small"
              onClick={() => {
                player?.skipPause();
              }}
            >
              Skip
            </Button>
          </div>
        )}
        {notice?.kind === "skipped" ? (
          <div className={styles.notice}>Skipped {duration(notice.lengthMs)} without activity</div>
        ) : null}
        {notice?.kind === "unreadable" ? (
          <div className={styles.notice}>A part of this recording cannot be read and is left out.</div>
        ) : null}
        {notice?.kind === "left-out" ? (
          <div className={styles.notice}>
            {notice.count === 1 ? "One event is" : `${notice.count} events are`} left out or shown in part; the timeline
            marks them.
          </div>
        ) : null}
        {notice?.kind === "session-ended" ? (
          <div className={styles.notice}>The visitor has left: the session has ended.</div>
        ) : null}
      </div>
    </>
  );
}

function play(player: Player, order: Order): void {
  const { startMs, endMs, atMs, speed, skipsPauses, actions } = player.state;
  switch (order.kind) {
    case "toggle":
      player.toggle();
      break;
    case "seek-by":
      player.seekBy(order.stepMs);
      break;
    case "seek-to-part":
      player.seek(startMs + order.part * (endMs - startMs));
      break;
    case "speed": {
      const at = SPEEDS.findIndex((choice) => choice === speed);
      player.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + order.step))] ?? 1);
      break;
    }
    case "mark": {
      const marks = marksOf(actions, actionText).filter((mark) => mark.kind !== "page");
      const next =
        order.step > 0
          ? marks.find((mark) => mark.timeMs > atMs + MARK_LEAD_MS + 100)
          : marks.findLast((mark) => mark.timeMs < atMs - 100);
      if (next !== undefined) {
        player.seek(next.timeMs - MARK_LEAD_MS);
      }
      break;
    }
    case "skip-pauses":
      player.setSkipsPauses(!skipsPauses);
      break;
    case "live":
      player.jumpToLive();
      break;
    default:
      break;
  }
}

/** A mark is shown from a little before it on, in milliseconds. */
const MARK_LEAD_MS = 1_000;

async function toggleFullScreen(element: HTMLElement | null): Promise<void> {
  if (document.fullscreenElement === null) {
    await element?.requestFullscreen();
  } else {
    await document.exitFullscreen();
  }
}
