import type { Session } from "@contract/recording/v1/session_pb";
import { use, useCallback, useEffect, useRef, useState } from "react";
import { NavigationType, useLocation, useNavigationType } from "react-router";
import { useApi } from "../api/context";
import { type Problem, problemOf } from "../api/errors";
import { filterMessage, type Filters } from "./filters";
import { KeptListContext } from "./keptList";

const PAGE_SIZE = 50;

/** A list that grows page by page. */
export interface SessionList {
  sessions: readonly Session[];
  isLoading: boolean;
  /** Whether there may be more. */
  hasMore: boolean;
  problem: Problem | null;
  /** Fetches the next page; does nothing while one is being fetched. */
  more: () => void;
  /** Begins anew. */
  refresh: () => void;
}

/** Returns the matching sessions, and fetches the first page of them; on the way back, the list as it was left. */
export function useSessions(filters: Filters): SessionList {
  const { audit } = useApi();
  const kept = use(KeptListContext);
  const { key: entry } = useLocation();
  const isBack = useNavigationType() === NavigationType.Pop;
  const [left] = useState(() => (isBack ? kept?.of(entry) : undefined));
  const [sessions, setSessions] = useState<readonly Session[]>(left?.sessions ?? []);
  const [isLoading, setIsLoading] = useState(left === undefined);
  const [pageToken, setPageToken] = useState<string | null>(left === undefined ? "" : left.pageToken);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  const running = useRef<AbortController | null>(null);
  // A page token belongs to one filter: "the last hour" stays that of the first page.
  const beganMs = useRef(left?.beganMs ?? 0);
  const isLeft = useRef(left !== undefined);

  const fetchPage = useCallback(
    async (token: string): Promise<void> => {
      running.current?.abort();
      const abort = new AbortController();
      running.current = abort;
      if (token === "") {
        beganMs.current = Date.now();
      }
      setIsLoading(true);
      setProblem(null);
      try {
        const answer = await audit.listSessions(
          {
            pageSize: PAGE_SIZE,
            pageToken: token,
            filter: filterMessage(filters, beganMs.current),
            order: filters.order,
          },
          { signal: abort.signal },
        );
        if (abort.signal.aborted) {
          return;
        }
        setSessions((known) => (token === "" ? answer.sessions : joined(known, answer.sessions)));
        setPageToken(answer.nextPageToken === "" ? null : answer.nextPageToken);
      } catch (error) {
        if (abort.signal.aborted) {
          return;
        }
        setProblem(problemOf(error));
      }
      setIsLoading(false);
    },
    [audit, filters],
  );

  useEffect(() => {
    if (isLeft.current) {
      isLeft.current = false;
      return undefined;
    }
    setSessions([]);
    setPageToken("");
    void fetchPage("");
    return () => {
      running.current?.abort();
    };
  }, [fetchPage, round]);

  const latest = useRef({ entry, list: { sessions, pageToken } });
  latest.current = { entry, list: { sessions, pageToken } };
  useEffect(
    () => () => {
      const { entry: leaving, list } = latest.current;
      if (list.sessions.length > 0) {
        kept?.keep(leaving, { ...list, beganMs: beganMs.current });
      }
    },
    [kept],
  );

  return {
    sessions,
    isLoading,
    hasMore: pageToken !== null,
    problem,
    more: useCallback(() => {
      if (!isLoading && pageToken !== null) {
        void fetchPage(pageToken);
      }
    }, [fetchPage, isLoading, pageToken]),
    refresh: useCallback(() => {
      setRound((count) => count + 1);
    }, []),
  };
}

/** A session that moved between two pages is listed once. */
function joined(known: readonly Session[], more: readonly Session[]): Session[] {
  const ids = new Set(known.map((session) => session.sessionId));
  return [...known, ...more.filter((session) => !ids.has(session.sessionId))];
}
