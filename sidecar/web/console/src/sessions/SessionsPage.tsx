import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { NavigationType, useNavigationType, useSearchParams } from "react-router";
import { ExportButton } from "../exports/ExportButton";
import { FileForm } from "../exports/FileForm";
import { filesOfSessions } from "../exports/fileChoices";
import { count } from "../format/amounts";
import { Page } from "../shell/Page";
import { PageProblem } from "../shell/PageProblem";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Skeleton, Spinner } from "../ui/Loading";
import { FilterBar, OrderSelect } from "./FilterBar";
import { type Filters, filterMessage, filtersOf, isFiltered, NO_FILTERS, queryOf } from "./filters";
import { HowToRecord } from "./HowToRecord";
import styles from "./SessionsPage.module.css";
import { SessionTable } from "./SessionTable";
import { useSessions } from "./useSessions";

/** All sessions of the project, with the filters in the address. */
export function SessionsPage() {
  const [query, setQuery] = useSearchParams();
  const text = query.toString();
  const filters = useMemo(() => filtersOf(new URLSearchParams(text)), [text]);
  const { sessions, isLoading, hasMore, problem, more, refresh } = useSessions(filters);

  // The address follows a little later: a field that is typed in must not undo a choice made meanwhile.
  const [chosen, setChosen] = useState(filters);
  const wanted = useRef(filters);
  const asked = useRef<string | null>(null);
  const isBack = useNavigationType() === NavigationType.Pop;
  useEffect(() => {
    if (asked.current === null || asked.current === text || isBack) {
      asked.current = null;
      wanted.current = filters;
      setChosen(filters);
    }
  }, [filters, text, isBack]);
  const change = useCallback(
    (changed: Partial<Filters>) => {
      wanted.current = { ...wanted.current, ...changed };
      setChosen(wanted.current);
      const next = queryOf(wanted.current);
      asked.current = next.toString();
      setQuery(next, { replace: true, preventScrollReset: true });
    },
    [setQuery],
  );

  return (
    <Page
      title="Sessions"
      actions={
        <span className={styles.actions}>
          <OrderSelect filters={chosen} onChange={change} />
          <Button onClick={refresh} disabled={isLoading}>
            Refresh
          </Button>
          {sessions.length === 0 ? null : (
            <ExportButton
              title="Export sessions"
              size="normal"
              form={(onMade) => (
                <FileForm
                  choices={filesOfSessions(
                    (nowMs) => filterMessage(filters, nowMs),
                    hasMore ? undefined : sessions.map(({ totals }) => totals),
                  )}
                  onMade={onMade}
                >
                  <p>
                    {hasMore
                      ? `More than ${count(sessions.length, "session")}`
                      : `All ${count(sessions.length, "session")}`}
                    {isFiltered(filters) ? " under the filters of the list." : " of the project."}
                  </p>
                </FileForm>
              )}
            />
          )}
        </span>
      }
    >
      <FilterBar filters={chosen} onChange={change} />
      {sessions.length === 0 ? null : <SessionTable sessions={sessions} />}
      {problem !== null ? (
        <PageProblem problem={problem} onRetry={sessions.length === 0 ? refresh : more} />
      ) : isLoading && sessions.length === 0 ? (
        <Skeleton lines={9} label="Loading sessions" />
      ) : sessions.length === 0 && !hasMore ? (
        isFiltered(filters) ? (
          <EmptyState
            title="No session matches"
            action={
              <Button
                onClick={() => {
                  change({ ...NO_FILTERS, order: filters.order });
                }}
              >
                Remove all filters
              </Button>
            }
          >
            <p>No recorded session matches all of these filters. Remove one, or choose a longer period.</p>
          </EmptyState>
        ) : (
          <HowToRecord />
        )
      ) : (
        <footer className={styles.foot}>
          {hasMore ? (
            <>
              <Sentinel onSeen={more} />
              {isLoading ? (
                <Spinner label="Loading more" />
              ) : (
                <Button size="small" onClick={more}>
                  Load more
                </Button>
              )}
            </>
          ) : (
            <span>{count(sessions.length, "session")} in total</span>
          )}
        </footer>
      )}
    </Page>
  );
}

/** Calls the callback when the element comes near the view, and each new callback while it is there. */
function Sentinel({ onSeen }: { onSeen: () => void }) {
  const element = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const target = element.current;
    if (target === null) {
      return undefined;
    }
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting === true) {
          onSeen();
        }
      },
      { rootMargin: "400px" },
    );
    observer.observe(target);
    return () => {
      observer.disconnect();
    };
  }, [onSeen]);
  return <span ref={element} aria-hidden="true" />;
}
