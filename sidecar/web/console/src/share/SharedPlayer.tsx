import { dateWords, partWords } from "./facts";
import type { Grant } from "./grant";
import styles from "./SharedPlayer.module.css";

interface SharedPlayerProps {
  grant: Grant;
  /** What does not work at present. */
  warning: string | undefined;
  /** Is called when the replay's stream was ended by the server. */
  onEnd: () => void;
}

/** The replay that a grant opens, and when the link ends. */
export function SharedPlayer({ grant, warning }: SharedPlayerProps) {
  const part = partWords(grant.startMs, grant.endMs);
  return (
    <div className={styles.shared}>
      <p className={styles.facts}>
        {part === undefined ? "The whole session" : `The part from ${part}`}. The link ends{" "}
        {dateWords(grant.linkEndsMs)}
        {grant.viewsLeft === undefined ? "" : `, and can be opened ${timesWords(grant.viewsLeft)}`}.
      </p>
      {warning === undefined ? null : (
        <p className={styles.warning} role="status">
          {warning} The replay goes on; whether the link still stands is asked again.
        </p>
      )}
    </div>
  );
}

function timesWords(views: number): string {
  switch (views) {
    case 0:
      return "no more (reloading this page is no view)";
    case 1:
      return "once more";
    default:
      return `${views.toLocaleString("en")} times more`;
  }
}
