import { useMemo, useState } from "react";
import { withoutScheme } from "../format/address";
import { clock, date, duration } from "../format/time";
import { timeMs } from "../player/details";
import { PlayerView } from "../player/PlayerView";
import type { PlayerState } from "../player/playerState";
import { ErrorNotice } from "../ui/ErrorNotice";
import { fileSource } from "./fileSource";
import styles from "./OfflinePage.module.css";
import type { FileSession } from "./sessionFile";

interface OfflinePageProps {
  session: FileSession;
  /** Data: URL of the document that replays. */
  frameAddress: string;
}

/** A recorded session in a file: its facts, the player, and a line about the file. */
export function OfflinePage({ session, frameAddress }: OfflinePageProps) {
  const source = useMemo(() => fileSource(session), [session]);
  const range = useMemo(() => rangeOf(session), [session]);
  const [address, setAddress] = useState("");
  const part = partText(session);
  const facts = [date(session.startMs), duration(session.durationMs), ...(part === "" ? [] : [part])];
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <h1 title={address}>{withoutScheme(address) || "Recorded session"}</h1>
        <ul className={styles.facts}>
          {facts.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      </header>
      {session.watermark === undefined ? null : (
        <p className={styles.watermark}>
          Downloaded through a share link: <strong>{session.watermark}</strong>
        </p>
      )}
      <PlayerView
        source={source}
        range={range}
        frameAddress={frameAddress}
        hasPanel={false}
        autoPlay={false}
        problemView={(problem) => <ErrorNotice problem={problem} />}
        onState={(state) => {
          setAddress(addressOf(state));
        }}
      />
      <footer className={styles.foot}>
        A recording of a session in a browser, exported from Afterimage on {date(session.exportedMs)}. Masked values are
        not in it. It plays without a server, and loads nothing from a network.
      </footer>
    </div>
  );
}

function rangeOf({ range }: FileSession): { startMs?: number; endMs?: number } {
  return {
    ...(range.startMs === null ? {} : { startMs: range.startMs }),
    ...(range.endMs === null ? {} : { endMs: range.endMs }),
  };
}

/** Returns the exported part of the session; empty: all of it. */
export function partText({ range: { startMs, endMs } }: FileSession): string {
  if (startMs === null && endMs === null) {
    return "";
  }
  return `the part from ${clock(startMs ?? 0)} to ${endMs === null ? "the end" : clock(endMs)}`;
}

/** Returns the address of the page that is shown; that of the first page where none is. */
export function addressOf({ details, windowId, atMs }: PlayerState): string {
  const pages = details?.pages ?? [];
  const page = pages.findLast((each) => each.windowId === windowId && timeMs(each.openTime) <= atMs);
  return (page ?? pages.find((each) => each.windowId === windowId) ?? pages[0])?.url ?? "";
}
