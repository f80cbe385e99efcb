import { SessionStatus } from "@contract/recording/v1/enums_pb";
import { useCallback, useRef, useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { type Problem, problem } from "../api/errors";
import { withoutScheme } from "../format/address";
import { ExportButton } from "../exports/ExportButton";
import { ExportForm } from "../exports/ExportForm";
import { date, duration } from "../format/time";
import { actorText, deviceText } from "../sessions/sessionLabels";
import { TroubleBadges } from "../sessions/TroubleBadges";
import { ShareButton } from "../share/ShareButton";
import { useTitle } from "../shell/Page";
import { PageProblem } from "../shell/PageProblem";
import { LiveBadge } from "../ui/Badge";
import { lengthMs, timeMs } from "./details";
import styles from "./PlayerPage.module.css";
import type { PlayerState } from "./playerState";
import { SessionPage } from "./SessionPage";
import { SessionPlayer } from "./SessionPlayer";

/** Replays one session. `?t=` is the offset in seconds at which it begins. */
export default function PlayerPage() {
  const { id = "" } = useParams();
  const [query] = useSearchParams();
  const [details, setDetails] = useState<PlayerState["details"]>(null);
  const session = details?.session;
  useTitle(session === undefined ? "Session" : session.actorId || withoutScheme(session.firstUrl) || "Session");
  const atMs = useRef(0);
  const onState = useCallback((state: PlayerState) => {
    setDetails(state.details);
    atMs.current = Math.max(0, state.atMs - timeMs(state.details?.session?.startTime));
  }, []);
  const seconds = Number(query.get("t"));
  const hereAndNow = (): string => {
    const second = Math.floor(atMs.current / 1000);
    return second > 0 ? `/sessions/${id}?t=${second}` : `/sessions/${id}`;
  };

  return (
    <SessionPage
      back="/"
      all="All sessions"
      headClass={styles.head}
      head={
        session === undefined ? (
          <h1>Session</h1>
        ) : (
          <>
            <h1 title={session.firstUrl}>{session.actorId || withoutScheme(session.firstUrl) || actorText(session)}</h1>
            <ul className={styles.facts}>
              {session.actorId === "" ? <li>{actorText(session)}</li> : null}
              <li>{date(timeMs(session.startTime))}</li>
              <li>{duration(lengthMs(session.duration))}</li>
              <li>{deviceText(session)}</li>
            </ul>
            <span className={styles.badges}>
              {session.status === SessionStatus.LIVE ? <LiveBadge /> : null}
              <TroubleBadges totals={session.totals} />
            </span>
            <span className={styles.actions}>
              <ExportButton
                title="Export this session"
                form={(onMade) => (
                  <ExportForm sessionId={id} totals={session.totals} currentMs={() => atMs.current} onMade={onMade} />
                )}
              />
              <ShareButton sessionId={id} currentMs={() => atMs.current} />
            </span>
          </>
        )
      }
    >
      <SessionPlayer
        key={id}
        sessionId={id}
        onState={onState}
        problemView={(found, retry) => (
          <PageProblem problem={aboutSession(found, id)} onRetry={retry} back={hereAndNow()} />
        )}
        {...(seconds > 0 ? { beginAtMs: seconds * 1000 } : {})}
      />
    </SessionPage>
  );
}

function aboutSession(found: Problem, id: string): Problem {
  if (found.kind === "not-found" && found.title === problem("not-found").title) {
    return {
      ...found,
      title: "There is no such session",
      advice:
        `Your project has no session ${id}: it may have been deleted, have reached the end of its retention, or belong ` +
        "to another project.",
    };
  }
  if (found.kind === "bad-request") {
    return { ...found, title: "This address has no valid session id", advice: `“${id}” is not the id of a session.` };
  }
  return found;
}
