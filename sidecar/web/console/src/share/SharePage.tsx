import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useParams } from "react-router";
import { createApi } from "../api/api";
import { ApiContext } from "../api/context";
import { Brand } from "../shell/Brand";
import { useTitle } from "../shell/Page";
import { ThemeSwitch } from "../shell/ThemeSwitch";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Spinner } from "../ui/Loading";
import { HandleStore } from "./grant";
import { PasscodeForm } from "./PasscodeForm";
import { ReadyToWatch } from "./ReadyToWatch";
import { SharedPlayer } from "./SharedPlayer";
import styles from "./SharePage.module.css";
import { ShareVisit } from "./ShareVisit";
import { useWait } from "./useWait";

/** One session, or a part of it, for the holder of a link: no account, and no way into the console. */
export default function SharePage() {
  const { token = "" } = useParams();
  useTitle("Shared session");
  return (
    <div className={styles.page}>
      <header className={styles.bar}>
        <Brand />
        <span className={styles.what}>Shared session</span>
        <ThemeSwitch />
      </header>
      <main className={styles.content}>
        <Visited key={token} token={token} />
      </main>
    </div>
  );
}

function Visited({ token }: { token: string }) {
  const [share] = useState(
    () => new ShareVisit(token, createApi({ token: () => null }).share, new HandleStore(tabStorage())),
  );
  const visit = useSyncExternalStore(share.subscribe, () => share.visit);
  const api = useMemo(() => createApi({ token: () => share.grantToken }), [share]);

  const look = useCallback(() => void share.look(), [share]);

  useEffect(() => {
    const stop = whenShown(() => void share.open());
    const lookAgain = () => {
      if (document.visibilityState === "visible") {
        look();
      }
    };
    document.addEventListener("visibilitychange", lookAgain);
    window.addEventListener("online", lookAgain);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", lookAgain);
      window.removeEventListener("online", lookAgain);
      share.close();
    };
  }, [share, look]);

  switch (visit.at) {
    case "opening":
      return <Spinner label="Opening the link" />;
    case "passcode":
      return <PasscodeForm {...visit} onEnter={(passcode) => void share.enter(passcode)} />;
    case "ready":
      return <ReadyToWatch {...visit} onWatch={() => void share.watch()} />;
    case "watching":
      return (
        <ApiContext value={api}>
          <SharedPlayer grant={visit.grant} warning={visit.warning} onEnd={look} />
        </ApiContext>
      );
    case "ended":
      return <Ended wasOpen={visit.wasOpen} />;
    case "malformed":
      return (
        <EmptyState title="This address is incomplete">
          <p>A link ends in 43 letters, digits, hyphens and underscores. Part of this one is missing or changed.</p>
          <p>Copy the whole address from its source: mail and chat programs sometimes break long addresses.</p>
        </EmptyState>
      );
    case "failed":
      return <Failed problem={visit.problem} waitUntilMs={visit.waitUntilMs} onRetry={() => void share.open()} />;
  }
}

function Ended({ wasOpen }: { wasOpen: boolean }) {
  return (
    <EmptyState title="This link has expired">
      {wasOpen ? (
        <p role="alert">The replay was stopped: the link has expired or was revoked.</p>
      ) : (
        <p>It has expired, was revoked, has reached its maximum number of views, or never existed.</p>
      )}
      <ul className={styles.checks}>
        <li>Ask the sender for a new link.</li>
        <li>Check that the address is complete: it ends in 43 characters, and an altered one opens nothing.</li>
        <li>Check for a newer message: the link may have been replaced.</li>
      </ul>
    </EmptyState>
  );
}

interface FailedProps {
  problem: string;
  waitUntilMs: number | undefined;
  onRetry: () => void;
}

function Failed({ problem, waitUntilMs, onRetry }: FailedProps) {
  const wait = useWait(waitUntilMs);
  return (
    <EmptyState
      title="The link cannot be opened at the moment"
      action={
        <Button kind="primary" onClick={onRetry} disabled={wait !== undefined}>
          {wait === undefined ? "Try again" : `Try again in ${wait}`}
        </Button>
      }
    >
      <p role="alert">{problem}</p>
      <p>The link itself is valid, and no view was used up.</p>
    </EmptyState>
  );
}

/** Calls `act` when the page is shown: a browser may prepare the page before the visitor wants it. Returns how to stop. */
function whenShown(act: () => void): () => void {
  if ((document as { prerendering?: boolean }).prerendering !== true) {
    act();
    return () => undefined;
  }
  document.addEventListener("prerenderingchange", act, { once: true });
  return () => {
    document.removeEventListener("prerenderingchange", act);
  };
}

/** Returns the tab's storage; undefined where the browser forbids it. */
function tabStorage(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}
