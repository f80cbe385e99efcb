import { useMemo, useState, type ReactNode } from "react";
import { pathOf } from "../format/address";
import { clock, duration } from "../format/time";
import { ActionLine } from "./ActionLine";
import { hasFailed } from "./failedRequests";
import { isFound, statusText } from "./labels";
import { mayMissRequests } from "./playerState";
import type { ConsoleRow, NetworkRow } from "./protocol";
import styles from "./SidePanel.module.css";
import { markKindOf } from "./timeline";
import { usePlayer, usePlayerState } from "./usePlayer";
import { VirtualList } from "./VirtualList";
import { Spinner } from "../ui/Loading";

/** Seeking to an entry begins this much before it, so that it can be seen, in milliseconds. */
const BEFORE_MS = 700;

/** The visitor's actions, the detectors' findings, errors, and failed requests. */
export function ActivityTab() {
  const player = usePlayer();
  const actions = usePlayerState(player, (state) => state.actions);
  const state = usePlayerState(player, ({ interactionsState }) => interactionsState);
  const isLive = usePlayerState(player, ({ live }) => live !== null);
  const mayMiss = usePlayerState(player, mayMissRequests);
  const [search, setSearch] = useState("");
  const [onlyMarked, setOnlyMarked] = useState(false);
  const rows = useMemo(
    () => actions.filter((row) => (!onlyMarked || markKindOf(row) !== undefined) && isFound(row, search)),
    [actions, onlyMarked, search],
  );
  return (
    <>
      <Filter
        search={search}
        onSearch={setSearch}
        words="Only pages, errors and frustration"
        isOn={onlyMarked}
        onToggle={setOnlyMarked}
      />
      <Rows
        label="Actions of the visitor"
        rows={rows}
        timeOf={(row) => row.timeMs}
        empty={
          state === "loading" ? (
            <Spinner label="Loading the actions" />
          ) : state === "failed" ? (
            "The actions could not be loaded. Reload the page to try again."
          ) : search.trim() !== "" && actions.length > 0 ? (
            "No action matches."
          ) : actions.length > 0 ? (
            "No pages, errors or signs of frustration."
          ) : (
            `Nothing was found in this session${isLive ? " yet" : ""}: no clicks, no input, no errors.`
          )
        }
      >
        {(row) => <ActionLine action={row} />}
      </Rows>
      {mayMiss ? (
        <p className={styles.more}>Some failed requests are listed only for the part of the session that is loaded.</p>
      ) : null}
    </>
  );
}

/** The page's console messages, uncaught errors included. */
export function ConsoleTab() {
  const player = usePlayer();
  const all = usePlayerState(player, (state) => state.consoleRows);
  const [search, setSearch] = useState("");
  const [onlyErrors, setOnlyErrors] = useState(false);
  const [chosen, setChosen] = useState<ConsoleRow | null>(null);
  const rows = useMemo(() => {
    const wanted = search.toLowerCase();
    return all.filter(
      (row) => (!onlyErrors || row.level === "error") && (wanted === "" || row.text.toLowerCase().includes(wanted)),
    );
  }, [all, search, onlyErrors]);
  return (
    <>
      <Filter search={search} onSearch={setSearch} words="Only errors" isOn={onlyErrors} onToggle={setOnlyErrors} />
      <Rows
        label="Console"
        rows={rows}
        timeOf={(row) => row.timeMs}
        onChoose={setChosen}
        empty={
          <NoRows
            all={all}
            nothing="The page wrote nothing to its console, or the recorder does not record the console."
            noMatch="No message matches."
          />
        }
      >
        {(row) => (
          <>
            <span className={styles.dot} data-kind={row.level} />
            <span className={[styles.code, styles[row.level]].join(" ")} title={row.text}>
              {row.text}
            </span>
          </>
        )}
      </Rows>
      {chosen === null ? null : (
        <div className={styles.detail}>
          <pre>{chosen.text}</pre>
          {chosen.source === "" ? null : <p className={styles.note}>{chosen.source}</p>}
        </div>
      )}
    </>
  );
}

/** The page's requests. */
export function NetworkTab() {
  const player = usePlayer();
  const all = usePlayerState(player, (state) => state.networkRows);
  const [search, setSearch] = useState("");
  const [onlyFailed, setOnlyFailed] = useState(false);
  const [chosen, setChosen] = useState<NetworkRow | null>(null);
  const rows = useMemo(() => {
    const wanted = search.toLowerCase();
    return all.filter((row) => (!onlyFailed || hasFailed(row)) && row.url.toLowerCase().includes(wanted));
  }, [all, search, onlyFailed]);
  return (
    <>
      <Filter search={search} onSearch={setSearch} words="Only failed" isOn={onlyFailed} onToggle={setOnlyFailed} />
      <Rows
        label="Requests"
        rows={rows}
        timeOf={(row) => row.timeMs}
        onChoose={setChosen}
        empty={
          <NoRows
            all={all}
            nothing="No requests were recorded: the recorder may not record them."
            noMatch="No request matches."
          />
        }
      >
        {(row) => (
          <>
            <span className={[styles.note, hasFailed(row) ? styles.error : ""].join(" ")}>
              {row.status === null ? "–" : row.status === 0 ? "none" : row.status}
            </span>
            {row.method === "" ? null : <span className={styles.note}>{row.method}</span>}
            <span className={styles.code} title={row.url}>
              {pathOf(row.url)}
            </span>
            <span className={styles.note}>{duration(row.durationMs)}</span>
          </>
        )}
      </Rows>
      {chosen === null ? null : (
        <div className={styles.detail}>
          <pre>{[chosen.method, chosen.url].filter(Boolean).join(" ")}</pre>
          <p className={styles.note}>
            {statusText(chosen.status)}, {duration(chosen.durationMs)}
          </p>
        </div>
      )}
    </>
  );
}

interface FilterProps {
  search: string;
  onSearch: (text: string) => void;
  words: string;
  isOn: boolean;
  onToggle: (isOn: boolean) => void;
}

function Filter({ search, onSearch, words, isOn, onToggle }: FilterProps) {
  return (
    <div className={styles.filter}>
      <input
        type="search"
        placeholder="Contains …"
        aria-label="Contains"
        value={search}
        onChange={(event) => {
          onSearch(event.target.value);
        }}
      />
      <label>
        <input
          type="checkbox"
          checked={isOn}
          onChange={(event) => {
            onToggle(event.target.checked);
          }}
        />
        {words}
      </label>
    </div>
  );
}

/** Why no rows of console or network are listed. */
function NoRows({ all, nothing, noMatch }: { all: readonly unknown[]; nothing: string; noMatch: string }) {
  const rowsState = usePlayerState(usePlayer(), (state) => state.rowsState);
  if (rowsState === "reading") {
    return <Spinner label="Reading the recording" />;
  }
  if (rowsState === "part") {
    return "Nothing in the part of the session that is loaded. The rest is read when you go there.";
  }
  return all.length === 0 ? nothing : noMatch;
}

interface RowsProps<Row> {
  label: string;
  rows: readonly Row[];
  timeOf: (row: Row) => number;
  empty: ReactNode;
  onChoose?: (row: Row) => void;
  children: (row: Row) => ReactNode;
}

/** Rows with their times; choosing one seeks to it, and the one of the present moment is marked. */
function Rows<Row>({ label, rows, timeOf, empty, onChoose, children }: RowsProps<Row>) {
  const player = usePlayer();
  const startMs = usePlayerState(player, (state) => state.startMs);
  const current = usePlayerState(player, (state) => rows.findLastIndex((row) => timeOf(row) <= state.atMs));
  if (rows.length === 0) {
    return <div className={styles.empty}>{empty}</div>;
  }
  return (
    <VirtualList
      label={label}
      rows={rows}
      current={current}
      onChoose={(row) => {
        player.seek(timeOf(row) - BEFORE_MS);
        onChoose?.(row);
      }}
    >
      {(row) => (
        <>
          <span className={styles.time}>{clock(timeOf(row) - startMs)}</span>
          {children(row)}
        </>
      )}
    </VirtualList>
  );
}
