import { SessionStatus } from "@contract/recording/v1/enums_pb";
import type { Session } from "@contract/recording/v1/session_pb";
import { useEffect, useState } from "react";
import { Link, useNavigate } from "react-router";
import { withoutScheme } from "../format/address";
import { count, number } from "../format/amounts";
import { STATUS } from "../format/enums";
import { ago, duration, fullDate } from "../format/time";
import { lengthMs, timeMs } from "../player/details";
import { fromList } from "../shell/back";
import { LiveBadge } from "../ui/Badge";
import { actorText, deviceText } from "./sessionLabels";
import styles from "./SessionTable.module.css";
import { TroubleBadges } from "./TroubleBadges";

/** Interval at which "3 minutes ago" is updated, in milliseconds. */
const TICK_MS = 30_000;

/** Sessions, one per row; one per card on a narrow screen. */
export function SessionTable({ sessions }: { sessions: readonly Session[] }) {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => {
      setNowMs(Date.now());
    }, TICK_MS);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Visitor</th>
          <th scope="col">Began</th>
          <th scope="col" className={styles.right}>
            Duration
          </th>
          <th scope="col" className={styles.right}>
            Pages
          </th>
          <th scope="col" className={styles.right}>
            Clicks
          </th>
          <th scope="col">Device</th>
          <th scope="col">Found</th>
          <th scope="col">Status</th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <Row key={session.sessionId} session={session} nowMs={nowMs} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ session, nowMs }: { session: Session; nowMs: number }) {
  const beganMs = timeMs(session.startTime);
  const totals = session.totals;
  const navigate = useNavigate();
  const to = `/sessions/${session.sessionId}`;
  return (
    // The cells with hover texts lie above the link, which covers the row.
    <tr
      onClick={(event) => {
        if (event.target instanceof Element && event.target.closest("a") !== null) {
          return;
        }
        if (event.metaKey || event.ctrlKey) {
          window.open(to, "_blank", "noopener");
        } else {
          void navigate(to, { state: fromList });
        }
      }}
    >
      <td className={styles.visitor}>
        <Link to={to} state={fromList} className={styles.link}>
          {actorText(session)}
        </Link>
        <span className={styles.page} title={session.firstUrl}>
          {withoutScheme(session.firstUrl) || "no page"}
        </span>
      </td>
      <td title={fullDate(beganMs)}>{ago(beganMs, nowMs)}</td>
      <td className={styles.right} title={`${duration(lengthMs(session.activeDuration))} of it active`}>
        {duration(lengthMs(session.duration))}
      </td>
      <Count value={totals?.pageCount ?? 0n} unit="page" />
      <Count value={totals?.clickCount ?? 0n} unit="click" />
      <td className={styles.device}>{deviceText(session)}</td>
      <td className={styles.found}>
        <TroubleBadges totals={totals} />
      </td>
      <td>
        {session.status === SessionStatus.LIVE ? (
          <LiveBadge />
        ) : (
          <span className={styles.status}>{STATUS[session.status]}</span>
        )}
      </td>
    </tr>
  );
}

/** A number; on a narrow screen, where there is no heading above it, with its unit. */
function Count({ value, unit }: { value: bigint; unit: string }) {
  return (
    <td className={styles.right}>
      <span className={styles.bare}>{number(value)}</span>
      <span className={styles.counted}>{count(value, unit)}</span>
    </td>
  );
}
