import { Fragment } from "react";
import { Dialog } from "../ui/Dialog";
import styles from "./Shortcuts.module.css";
import { usePlayer, usePlayerState } from "./usePlayer";

interface Shortcut {
  keys: readonly string[];
  does: string;
  /** Where it does something; undefined: everywhere. */
  needs?: "panel" | "live";
}

const KEYS: readonly Shortcut[] = [
  { keys: ["Space", "K"], does: "Play, pause" },
  { keys: ["←", "→"], does: "5 seconds back, forward" },
  { keys: ["Shift ←", "Shift →"], does: "30 seconds back, forward" },
  { keys: ["0", "…", "9"], does: "To the start, to 10 % … to 90 %" },
  { keys: ["Home", "End"], does: "To the start, to the end" },
  { keys: ["<", ">"], does: "Slower, faster" },
  { keys: ["N", "B"], does: "To the next, the previous error or sign of frustration" },
  { keys: ["S"], does: "Skip stretches without activity, or play them" },
  { keys: ["L"], does: "Jump to live", needs: "live" },
  { keys: ["P"], does: "Show or hide the panel", needs: "panel" },
  { keys: ["F"], does: "Full screen" },
  { keys: ["?"], does: "This list" },
];

interface ShortcutsProps {
  /** Whether there is a panel to show or hide. */
  hasPanel: boolean;
  onClose: () => void;
}

/** Keyboard shortcuts of the player. */
export function Shortcuts({ hasPanel, onClose }: ShortcutsProps) {
  const isLive = usePlayerState(usePlayer(), (state) => state.live !== null);
  const keys = KEYS.filter(({ needs }) => needs === undefined || (needs === "panel" ? hasPanel : isLive));
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className={styles.keys}>
        {keys.map(({ keys: each, does }) => (
          <Fragment key={does}>
            <dt>
              {each.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  );
}
