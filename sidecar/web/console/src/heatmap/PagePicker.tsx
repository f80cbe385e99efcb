import { useCallback, useEffect, useId, useState } from "react";
import type { PageSummary } from "@contract/audit/v1/heatmap_pb";
import { useApi } from "../api/context";
import { useCall } from "../api/useCall";
import { PageProblem } from "../shell/PageProblem";
import { Button } from "../ui/Button";
import { Skeleton } from "../ui/Loading";
import { NO_PAGES, pageLabel, shortName } from "./labels";
import styles from "./PagePicker.module.css";

const PAGE_SIZE = 50;

/** Pause in typing before pages are searched, in milliseconds. */
const PAUSE_MS = 250;

interface PagePickerProps {
  chosen: string;
  onChoose: (page: string) => void;
}

/** The pages with interactions, those with most of them first, and a search in their addresses. */
export function PagePicker({ chosen, onChoose }: PagePickerProps) {
  const [contains, setContains] = useState("");
  const searched = useLater(contains.trim(), PAUSE_MS);
  const [size, setSize] = useState(PAGE_SIZE);
  const { audit } = useApi();
  const [pages, retry] = useCall(
    useCallback(
      (signal: AbortSignal) => audit.listPages({ contains: searched, pageSize: size }, { signal }),
      [audit, searched, size],
    ),
  );
  const id = useId();

  return (
    <section className={styles.picker} aria-label="Pages">
      <label className="visually-hidden" htmlFor={id}>
        Search pages
      </label>
      <input
        id={id}
        className={styles.search}
        type="search"
        placeholder="Part of an address"
        maxLength={256}
        value={contains}
        onChange={(event) => {
          setContains(event.target.value);
          setSize(PAGE_SIZE);
        }}
      />
      {pages.state === "loading" ? <Skeleton lines={5} label="Loading pages" /> : null}
      {pages.state === "failed" ? <PageProblem problem={pages.problem} onRetry={retry} /> : null}
      {pages.state === "done" && pages.value.pages.length === 0 ? <NoPages searched={searched} /> : null}
      {pages.state === "done" && pages.value.pages.length > 0 ? (
        <>
          <ul className={styles.list}>
            {pages.value.pages.map((page) => (
              <Listed
                key={page.page}
                page={page}
                name={shortName(page.page, pages.value.pages)}
                isChosen={page.page === chosen}
                onChoose={onChoose}
              />
            ))}
          </ul>
          {pages.value.nextPageToken === "" ? null : (
            <Button
              size="small"
              onClick={() => {
                setSize((before) => before + PAGE_SIZE);
              }}
            >
              More pages
            </Button>
          )}
        </>
      ) : null}
    </section>
  );
}

interface ListedProps {
  page: PageSummary;
  /** Part of the address that distinguishes it from the others. */
  name: string;
  isChosen: boolean;
  onChoose: (page: string) => void;
}

function Listed({ page, name, isChosen, onChoose }: ListedProps) {
  return (
    <li>
      <button
        type="button"
        className={styles.page}
        title={page.page}
        aria-pressed={isChosen}
        onClick={() => {
          onChoose(page.page);
        }}
      >
        <span className={styles.address}>{name}</span>
        <span className={styles.totals}>{pageLabel(page)}</span>
      </button>
    </li>
  );
}

function NoPages({ searched }: { searched: string }) {
  if (searched !== "") {
    return <p className={styles.none}>No page’s address contains “{searched}”. Take a shorter part of it.</p>;
  }
  return (
    <div className={styles.none}>
      <p>{NO_PAGES.why}</p>
      {NO_PAGES.todo.map((words) => (
        <p key={words}>{words}</p>
      ))}
    </div>
  );
}

/** Returns a value as it was before the last changes, until they have paused. */
function useLater<T>(value: T, pauseMs: number): T {
  const [later, setLater] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      setLater(value);
    }, pauseMs);
    return () => {
      clearTimeout(timer);
    };
  }, [value, pauseMs]);
  return later;
}
