import { durationMs } from "@bufbuild/protobuf/wkt";
import { Link } from "react-router";
import { count } from "../format/amounts";
import { clock, duration } from "../format/time";
import { actorText, deviceText, pageText } from "../sessions/sessionLabels";
import { fromList } from "../shell/back";
import { TroubleBadges } from "../sessions/TroubleBadges";
import { ActivityBars } from "./ActivityBars";
import styles from "./LiveSessionRow.module.css";
import type { LiveSession } from "./liveSessions";

/** Silence after which a visitor is no longer "active", in milliseconds: recorders send every two seconds. */
const QUIET_MS = 8_000;

interface LiveSessionRowProps {
  live: LiveSession;
  nowMs: number;
}

/** A visit in progress; links to its live view. */
export function LiveSessionRow({ live: { session, heardMs, activity }, nowMs }: LiveSessionRowProps) {
  const { path, host } = pageText(session.firstUrl);
  const silentMs = Math.max(0, nowMs - heardMs);
  // The recorded duration plus the silence since: only the visitor's own clock and this one are needed.
  const lengthMs = (session.duration === undefined ? 0 : durationMs(session.duration)) + silentMs;
  const isActive = silentMs < QUIET_MS;
  const { totals } = session;
  return (
    <li className={styles.item}>
      <Link
        className={styles.row ?? ""}
        to={`/live/${session.sessionId}`}
        state={fromList}
        data-session={session.sessionId}
      >
        <span className={styles.who}>
          <span className={styles.name}>
            <span className={isActive ? styles.active : styles.quiet} aria-hidden="true" />
            {actorText(session)}
          </span>
          <span className={styles.small}>{deviceText(session)}</span>
        </span>
        <span className={styles.page} title={session.firstUrl}>
          <span className={styles.path}>
            <span className="visually-hidden">began at </span>
            {path}
          </span>
          <span className={styles.small}>{host}</span>
        </span>
        <span className={styles.activity}>
          <ActivityBars activity={activity} />
          <span className={styles.small}>{isActive ? "Active now" : `Quiet for ${duration(silentMs)}`}</span>
        </span>
        <span className={styles.counts}>
          <span>{count(totals?.clickCount ?? 0n, "click")}</span>
          <span className={styles.small}>{count(totals?.pageCount ?? 0n, "page")}</span>
        </span>
        <span className={styles.badges}>
          <TroubleBadges totals={totals} />
        </span>
        <time className={styles.length} aria-label={`for ${duration(lengthMs)}`}>
          {clock(lengthMs)}
        </time>
        <span className={styles.watch} aria-hidden="true">
          Watch
        </span>
      </Link>
    </li>
  );
}
