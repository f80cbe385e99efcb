import { useState } from "react";
import { compact, count } from "../format/amounts";
import { FactsTab } from "./FactsTab";
import { ActivityTab, ConsoleTab, NetworkTab } from "./panelTabs";
import { mayMissRequests } from "./playerState";
import styles from "./SidePanel.module.css";
import { usePlayer, usePlayerState } from "./usePlayer";

const TABS = ["Activity", "Console", "Network", "Facts"] as const;
type Tab = (typeof TABS)[number];

/** Panel beside the picture: the visitor's actions, the page's console and network, and facts of the session. */
export function SidePanel() {
  const player = usePlayer();
  const [tab, setTab] = useState<Tab>("Activity");
  const isListed = usePlayerState(player, (state) => state.interactionsState === "loaded");
  const isRead = usePlayerState(player, (state) => state.rowsState === "all");
  const mayMiss = usePlayerState(player, mayMissRequests);
  const areAll: Record<Tab, boolean> = {
    Activity: isListed && !mayMiss,
    Console: isRead,
    Network: isRead,
    Facts: true,
  };
  const counts: Record<Tab, number | null> = {
    Activity: usePlayerState(player, (state) => state.actions.length),
    Console: usePlayerState(player, (state) => state.consoleRows.length),
    Network: usePlayerState(player, (state) => state.networkRows.length),
    Facts: null,
  };
  return (
    <aside className={styles.panel} aria-label="About the session">
      <div className={styles.tabs} role="tablist">
        {TABS.map((name, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === tab}
            aria-controls="panel-of-tab"
            tabIndex={name === tab ? 0 : -1}
            onClick={() => {
              setTab(name);
            }}
            onKeyDown={(event) => {
              const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
              if (step === 0) {
                return;
              }
              event.preventDefault();
              event.stopPropagation();
              const next = TABS[(index + step + TABS.length) % TABS.length] ?? name;
              setTab(next);
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            <span className={styles.name}>{name}</span>
            {counts[name] === null || counts[name] === 0 ? null : (
              <span
                className={styles.count}
                title={`${count(counts[name], "row")}${areAll[name] ? "" : " loaded, there may be more"}`}
              >
                {compact(counts[name])}
                {areAll[name] ? "" : "+"}
              </span>
            )}
          </button>
        ))}
      </div>
      <div className={styles.content} id="panel-of-tab" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "Activity" ? <ActivityTab /> : null}
        {tab === "Console" ? <ConsoleTab /> : null}
        {tab === "Network" ? <NetworkTab /> : null}
        {tab === "Facts" ? <FactsTab /> : null}
      </div>
    </aside>
  );
}
