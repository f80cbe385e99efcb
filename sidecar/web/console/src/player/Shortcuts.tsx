import { Fragment } from "react";
import { Dialog } from "../ui/Dialog";
import styles from "./Shortcuts.module.css";

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [["Space", "K"], "Play, pause"],
  [["←", "→"], "5 seconds back, forward"],
  [["Shift ←", "Shift →"], "30 seconds back, forward"],
  [["0", "…", "9"], "To the start, to 10 % … to 90 %"],
  [["Home", "End"], "To the start, to the end"],
  [["<", ">"], "Slower, faster"],
  [["N", "B"], "To the next, the previous error or sign of frustration"],
  [["S"], "Skip stretches without activity, or play them"],
  [["L"], "Jump to live"],
  [["P"], "Show or hide the panel"],
  [["F"], "Full screen"],
  [["?"], "This list"],
];

/** Keyboard shortcuts of the player. */
export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className={styles.keys}>
        {KEYS.map(([keys, does]) => (
          <Fragment key={does}>
            <dt>
              {keys.map((key) => (
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
