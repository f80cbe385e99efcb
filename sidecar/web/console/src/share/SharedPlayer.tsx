import { useCallback, useEffect, useMemo } from "react";
import type { Problem } from "../api/errors";
import { date } from "../format/time";
import { SessionPlayer } from "../player/SessionPlayer";
import { ErrorNotice } from "../ui/ErrorNotice";
import { DownloadButton } from "./DownloadButton";
import { partLabel } from "./facts";
import type { Grant } from "./grant";
import styles from "./SharedPlayer.module.css";

interface SharedPlayerProps {
  grant: Grant;
  /** Current problem. */
  warning: string | undefined;
  /** Is called when the server has ended the replay's stream: the link may have ended. */
  onEnd: () => void;
}

/** The replay that a grant opens, and when the link ends. */
export function SharedPlayer({
  grant: { sessionId, startMs, endMs, linkEndsMs, viewsLeft, mayDownload },
  warning,
  onEnd,
}: SharedPlayerProps) {
  const range = useMemo(() => ({ startMs, endMs }), [startMs, endMs]);
  const part = partLabel(startMs, endMs);
  const problemView = useCallback(
    (problem: Problem, retry: () => void) => <Interrupted problem={problem} onRetry={retry} onEnd={onEnd} />,
    [onEnd],
  );
  return (
    <div className={styles.shared}>
      <div className={styles.facts}>
        <p>
          {part === undefined ? "The whole session" : `The part from ${part}`}. The link ends {date(linkEndsMs)}
          {viewsLeft === undefined ? "" : `, and can be opened ${timesLabel(viewsLeft)}`}.
        </p>
        {mayDownload ? <DownloadButton sessionId={sessionId} /> : null}
      </div>
      {warning === undefined ? null : (
        <p className={styles.warning} role="status">
          {warning} The replay goes on; whether the link still stands is asked again.
        </p>
      )}
      <SessionPlayer sessionId={sessionId} range={range} problemView={problemView} />
    </div>
  );
}

interface InterruptedProps {
  problem: Problem;
  onRetry: () => void;
  onEnd: () => void;
}

/** Stands in the player's place when its stream was refused, until it is known whether the link has ended. */
function Interrupted({ problem, onRetry, onEnd }: InterruptedProps) {
  useEffect(onEnd, [onEnd]);
  return <ErrorNotice problem={{ ...problem, mayRetry: true }} onRetry={onRetry} />;
}

function timesLabel(views: number): string {
  switch (views) {
    case 0:
      return "no more (a reload of this page is not a view)";
    case 1:
      return "once more";
    default:
      return `${views.toLocaleString("en")} times more`;
  }
}
