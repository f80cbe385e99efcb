import { clock } from "../format/time";
import styles from "./Controls.module.css";
import { timeMs } from "./details";
import { usePlayer, usePlayerState } from "./usePlayer";

/** Which of the session's windows (browser tabs) is shown; not there where there is only one. */
export function WindowPicker() {
  const player = usePlayer();
  const details = usePlayerState(player, (state) => state.details);
  const chosen = usePlayerState(player, (state) => state.chosenWindowId);
  const shown = usePlayerState(player, (state) => state.windowId);
  const startMs = usePlayerState(player, (state) => state.startMs);
  const windows = details?.windows ?? [];
  if (windows.length < 2) {
    return null;
  }
  const shownNumber = windows.findIndex((window) => window.windowId === shown) + 1;
  return (
    <select
      className={styles.speed}
      aria-label="Window"
      value={chosen ?? ""}
      onChange={(event) => {
        player.chooseWindow(event.target.value === "" ? null : event.target.value);
      }}
    >
      <option value="">Active tab{shownNumber > 0 ? ` (${shownNumber} of ${windows.length})` : ""}</option>
      {windows.map((window, index) => (
        <option key={window.windowId} value={window.windowId}>
          Tab {index + 1}, from {clock(timeMs(window.startTime) - startMs)}
        </option>
      ))}
    </select>
  );
}
