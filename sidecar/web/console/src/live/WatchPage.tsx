import { useCallback, useState } from "react";
import { Link, useParams } from "react-router";
import { duration } from "../format/time";
import type { PlayerState } from "../player/playerState";
import { SessionPage } from "../player/SessionPage";
import { SessionPlayer } from "../player/SessionPlayer";
import { actorText, deviceText, pageText } from "../sessions/sessionLabels";
import { TroubleBadges } from "../sessions/TroubleBadges";
import { useTitle } from "../shell/Page";
import { PageProblem } from "../shell/PageProblem";
import { Badge, LiveBadge } from "../ui/Badge";
import styles from "./WatchPage.module.css";

/** Parts of the player's state that are shown beside it. */
interface Watched {
  details: PlayerState["details"];
  live: PlayerState["live"];
  isReady: boolean;
}

/** A live session: the newest moment, and its delay behind the visitor. */
export default function WatchPage() {
  const { id = "" } = useParams();
  const [{ details, live, isReady }, setWatched] = useState<Watched>({ details: null, live: null, isReady: false });
  const session = details?.session;
  useTitle(session === undefined ? "Live session" : `${actorText(session)}, live`);
  const onState = useCallback((state: PlayerState) => {
    setWatched({ details: state.details, live: state.live, isReady: state.phase === "ready" });
  }, []);

  return (
    <SessionPage
      back="/live"
      all="All live sessions"
      headClass={styles.head}
      head={
        <>
          <h1>{session === undefined ? "Live session" : actorText(session)}</h1>
          {session === undefined ? null : (
            <>
              <span className={styles.facts} title={session.firstUrl}>
                {pageText(session.firstUrl).path} · {deviceText(session)}
              </span>
              <span className={styles.badges}>
                <TroubleBadges totals={session.totals} />
              </span>
            </>
          )}
          <span className={styles.lag}>
            <Lag live={live} isKnown={session !== undefined} isReady={isReady} id={id} />
          </span>
        </>
      }
    >
      <SessionPlayer
        key={id}
        sessionId={id}
        follow
        onState={onState}
        problemView={(problem, retry) => <PageProblem problem={problem} onRetry={retry} />}
      />
    </SessionPage>
  );
}

const MEANING =
  "Time since the visitor's action on the screen: sending, storing, fetching and drawing it. It compares the visitor's " +
  "clock with yours. If these differ by more than two seconds, one of them is wrong, and the delay is measured " +
  "from the fastest arrival.";

function Lag({
  live,
  isKnown,
  isReady,
  id,
}: {
  live: PlayerState["live"];
  isKnown: boolean;
  isReady: boolean;
  id: string;
}) {
  if (!isKnown) {
    return null;
  }
  if (live === null) {
    return (
      <>
        <Badge>No longer live</Badge>
        <Link to={`/sessions/${id}`}>Replay it from the start</Link>
      </>
    );
  }
  if (!live.isFollowing) {
    return <Badge title="“Jump to live” brings you back">Not at the newest moment</Badge>;
  }
  return (
    <>
      <LiveBadge />
      <span className={styles.behind} title={MEANING} data-lag-ms={live.lagMs ?? ""}>
        {live.lagMs === null || !isReady ? "catching up" : `${duration(live.lagMs)} behind`}
      </span>
    </>
  );
}
