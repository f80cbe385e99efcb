import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { WatchSessionsRequestSchema, WatchSessionsResponseSchema } from "@contract/audit/v1/audit_service_pb";
import type { SessionFilterSchema } from "@contract/audit/v1/session_filter_pb";
import { useCallback, useEffect, useState } from "react";
import { useApi } from "../api/context";
import { openStream, type StreamState } from "../sockets/stream";
import { connectionOf, type LiveConnection } from "./connection";
import { ACTIVITY_STEP_MS, type LiveSession, LiveSessions, type LiveView } from "./liveSessions";

/** Limits of the connection's retries, and of the kept sessions. */
export interface RealTimeLimits {
  /** Maximum number of failed attempts in a row. */
  attempts: number;
  /** The longest first wait after a failure, in milliseconds; it doubles with each failure, and the wait is random. */
  firstDelayMs: number;
  /** The longest wait of all, in milliseconds. */
  longestDelayMs: number;
  /** Maximum number of sessions; the newest are kept. */
  maxSessions: number;
}

/** About five minutes of attempts; as many sessions as a list can show at once without getting slow. */
export const DEFAULT_LIMITS: RealTimeLimits = {
  attempts: 60,
  firstDelayMs: 500,
  longestDelayMs: 10_000,
  maxSessions: 500,
};

interface RealTimeOptions {
  /** Which sessions; wrap it in useMemo. Default: all that are live. */
  filter?: MessageInitShape<typeof SessionFilterSchema>;
  limits?: Partial<RealTimeLimits>;
}

/** The live sessions and how well they are known. */
export interface RealTimeSessions extends LiveView {
  connection: LiveConnection;
  /** Tries again: now instead of later, or after it has given up. */
  retry: () => void;
}

/** Interval of updates, in milliseconds: a busy project has hundreds of changes per second. */
const SHOW_EVERY_MS = 100;

const NOTHING: readonly LiveSession[] = [];

/**
 * Watches the live sessions: all of them first, then every change, while the component is mounted. After a break it
 * reconnects by itself, and shows the last known state until then.
 */
export function useRealTimeSessionsWebSocket({ filter, limits = {} }: RealTimeOptions = {}): RealTimeSessions {
  const { credentials } = useApi();
  const { attempts, firstDelayMs, longestDelayMs, maxSessions } = { ...DEFAULT_LIMITS, ...limits };
  const [view, setView] = useState<LiveView>({ sessions: NOTHING, leftOut: 0 });
  const [connection, setConnection] = useState<LiveConnection>({ kind: "connecting" });
  const [stream, setStream] = useState<{ retry: () => void } | null>(null);

  useEffect(() => {
    const known = new LiveSessions(maxSessions);
    let showTimer: ReturnType<typeof setTimeout> | undefined;
    let state: StreamState = { kind: "connecting", failures: 0 };
    let hasList = false;

    const show = (): void => {
      clearTimeout(showTimer);
      showTimer = undefined;
      setView(known.view(Date.now()));
    };
    const showConnection = (): void => {
      setConnection(connectionOf(state, hasList, navigator.onLine));
    };
    const open = () =>
      openStream({
        path: "/ws/sessions",
        request: WatchSessionsRequestSchema,
        response: WatchSessionsResponseSchema,
        credentials,
        ask: () => create(WatchSessionsRequestSchema, filter === undefined ? {} : { filter }),
        backoff: { attempts, firstMs: firstDelayMs, longestMs: longestDelayMs },
        onMessage: (message) => {
          known.take(message, Date.now());
          showTimer ??= setTimeout(show, hasList ? SHOW_EVERY_MS : 0);
          if (hasList) {
            return;
          }
          hasList = true;
          showConnection();
        },
        onState: (next) => {
          state = next;
          if (next.kind !== "open") {
            hasList = false;
          }
          showConnection();
        },
      });
    let running = open();
    const begin = (): void => {
      running.close();
      running = open();
    };
    const retry = (): void => {
      if (running.state.kind === "waiting") {
        running.reconnectNow();
      } else if (running.state.kind === "failed" || running.state.kind === "done") {
        begin();
      }
    };
    // A socket from before the break may be dead without knowing it, so an open one is replaced as well.
    const online = (): void => {
      if (running.state.kind === "open") {
        begin();
      } else {
        retry();
      }
    };
    // Timers of a background tab are slow: reconnect without waiting for them when the tab becomes visible.
    const visible = (): void => {
      if (document.visibilityState === "visible" && running.state.kind === "waiting") {
        running.reconnectNow();
      }
    };
    // Inactivity is shown, too: the activity steps move on.
    const moveOn = setInterval(show, ACTIVITY_STEP_MS);
    setStream({ retry });
    window.addEventListener("online", online);
    window.addEventListener("offline", showConnection);
    document.addEventListener("visibilitychange", visible);
    return () => {
      running.close();
      clearTimeout(showTimer);
      clearInterval(moveOn);
      window.removeEventListener("online", online);
      window.removeEventListener("offline", showConnection);
      document.removeEventListener("visibilitychange", visible);
    };
  }, [credentials, filter, attempts, firstDelayMs, longestDelayMs, maxSessions]);

  const retry = useCallback(() => stream?.retry(), [stream]);
  return { ...view, connection, retry };
}
