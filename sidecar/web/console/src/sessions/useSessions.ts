import type { Session } from "@contract/recording/v1/session_pb";
import { useCallback, useEffect, useRef, useState } from "react";
import { useApi } from "../api/context";
import { type Problem, problemOf } from "../api/errors";
import { filterMessage, type Filters } from "./filters";

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

/** Returns the matching sessions, and fetches the first page of them. */
export function useSessions(filters: Filters): SessionList {
  const { audit } = useApi();
  const [sessions, setSessions] = useState<readonly Session[]>([]);
  const [isLoading, setIsLoading] = useState(true);
  const [pageToken, setPageToken] = useState<string | null>("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  const running = useRef<AbortController | null>(null);
  // A page token belongs to one filter: "the last hour" stays that of the first page.
  const beganMs = useRef(0);

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
    setSessions([]);
    setPageToken("");
    void fetchPage("");
    return () => {
      running.current?.abort();
    };
  }, [fetchPage, round]);

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
