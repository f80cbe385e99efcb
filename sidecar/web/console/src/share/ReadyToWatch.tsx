import { date } from "../format/time";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";

interface ReadyToWatchProps {
  /** Number of remaining views. */
  viewsLeft: number;
  /** End of the link, in milliseconds since 1970. */
  linkEndsMs: number;
  busy: boolean;
  onWatch: () => void;
}

/** Waits for a click before it uses up a view of a link: opening the address must not do so. */
export function ReadyToWatch({ viewsLeft, linkEndsMs, busy, onWatch }: ReadyToWatchProps) {
  return (
    <EmptyState
      title="A recorded session was shared with you"
      action={
        <Button kind="primary" onClick={onWatch} disabled={busy}>
          {busy ? "Opening the link" : "Watch"}
        </Button>
      }
    >
      <p>
        {viewsLeft === 1
          ? "The link can be opened once: watch when you have time for it."
          : `The link can be opened ${viewsLeft.toLocaleString("en")} times. Watching uses up one of them.`}
      </p>
      <p>Reloading the page afterwards is not another view. The link ends {date(linkEndsMs)}.</p>
    </EmptyState>
  );
}
