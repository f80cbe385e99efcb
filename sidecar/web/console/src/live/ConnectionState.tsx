import { Badge, LiveBadge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Spinner } from "../ui/Loading";
import { useNow } from "../ui/useNow";
import type { LiveConnection } from "./connection";
import styles from "./ConnectionState.module.css";

/** Shows how current the list is, and offers a remedy. */
export function ConnectionState({ connection, onRetry }: { connection: LiveConnection; onRetry: () => void }) {
  return (
    <div className={styles.state} role="status" data-connection={connection.kind}>
      <ConnectionLabel connection={connection} />
      {connection.kind === "reconnecting" && connection.atMs !== null ? (
        <Button size="small" onClick={onRetry}>
          Reconnect now
        </Button>
      ) : null}
      {connection.kind === "given-up" ? (
        <Button size="small" kind="primary" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

function ConnectionLabel({ connection }: { connection: LiveConnection }) {
  switch (connection.kind) {
    case "connecting":
      return <Spinner label="Connecting" />;
    case "live":
      return <LiveBadge />;
    case "reconnecting":
      return <Countdown atMs={connection.atMs} />;
    case "offline":
      return (
        <Badge tone="warning" title="Your browser reports that this computer has no network. The console keeps trying.">
          Offline
        </Badge>
      );
    case "given-up":
      return (
        <Badge tone="danger" title={connection.problem.advice}>
          Connection lost
        </Badge>
      );
    case "refused":
      return <Badge tone="danger">Not allowed</Badge>;
  }
}

function Countdown({ atMs }: { atMs: number | null }) {
  const nowMs = useNow(200);
  const leftS = atMs === null ? 0 : Math.ceil((atMs - nowMs) / 1000);
  return (
    <Badge tone="warning">
      Reconnecting
      {/* Read out once, not every second. */}
      {leftS > 0 ? <span aria-hidden="true">in {leftS} s</span> : <span aria-hidden="true">…</span>}
    </Badge>
  );
}
