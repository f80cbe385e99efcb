import { useEffect, useState } from "react";
import { useIdentity } from "../api/context";
import { count } from "../format/amounts";
import { timeOfDay } from "../format/time";
import { Page } from "../shell/Page";
import { PageProblem } from "../shell/PageProblem";
import { EmptyState } from "../ui/EmptyState";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Skeleton } from "../ui/Loading";
import { useNow } from "../ui/useNow";
import type { LiveConnection } from "./connection";
import { ConnectionState } from "./ConnectionState";
import { LiveSessionRow } from "./LiveSessionRow";
import styles from "./LiveSessionsPage.module.css";
import { useRealTimeSessionsWebSocket } from "./useRealTimeSessionsWebSocket";

/** The sessions that are being recorded right now. */
export default function LiveSessionsPage() {
  const { sessions, leftOut, connection, retry } = useRealTimeSessionsWebSocket();
  const nowMs = useNow(1_000);
  const liveMs = useLastLive(connection);

  return (
    <Page title="Live" actions={<ConnectionState connection={connection} onRetry={retry} />}>
      {connection.kind === "refused" ? <PageProblem problem={connection.problem} /> : null}
      {connection.kind === "given-up" ? <ErrorNotice problem={connection.problem} onRetry={retry} /> : null}
      {liveMs !== null && connection.kind !== "live" && sessions.length > 0 ? (
        <p className={styles.stale}>This is the state at {timeOfDay(liveMs)}; it is updated on reconnection.</p>
      ) : null}
      {sessions.length > 0 ? (
        <>
          <p className={styles.count}>{count(sessions.length + leftOut, "visit")} being recorded</p>
          <ul
            className={[styles.list, connection.kind === "live" ? "" : styles.old].join(" ")}
            aria-label="Live sessions"
          >
            {sessions.map((live) => (
              <LiveSessionRow key={live.session.sessionId} live={live} nowMs={nowMs} />
            ))}
          </ul>
          {leftOut > 0 ? (
            <p className={styles.more}>
              {count(leftOut, "older visit")} not shown: there are more than this page keeps. The Sessions page finds
              them all.
            </p>
          ) : null}
        </>
      ) : (
        <Nobody connection={connection} wasLive={liveMs !== null} />
      )}
    </Page>
  );
}

function Nobody({ connection, wasLive }: { connection: LiveConnection; wasLive: boolean }) {
  const identity = useIdentity();
  if (connection.kind === "refused" || connection.kind === "given-up") {
    return null;
  }
  if (!wasLive) {
    return <Skeleton lines={4} label="Connecting" />;
  }
  return (
    <EmptyState
      title="No session is being recorded right now"
      action={
        identity?.project === "demo" ? (
          <a href="/demo/" target="_blank" rel="noreferrer">
            Open the demo shop in another tab
          </a>
        ) : null
      }
    >
      <p>A visit is listed here as soon as a page with the recorder is opened. No reload is needed.</p>
      {identity?.project === "demo" ? <p>To try it, become a visitor yourself.</p> : null}
    </EmptyState>
  );
}

/** Returns when the list was last known to be current, in milliseconds since 1970 UTC; null: never yet. */
function useLastLive(connection: LiveConnection): number | null {
  const [liveMs, setLiveMs] = useState<number | null>(null);
  const isLive = connection.kind === "live";
  useEffect(() => {
    if (!isLive) {
      return;
    }
    setLiveMs(Date.now());
    return () => {
      setLiveMs(Date.now());
    };
  }, [isLive]);
  return liveMs;
}
