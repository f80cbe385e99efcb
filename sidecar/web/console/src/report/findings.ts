// The detectors' findings of a session, and their meaning. Pure.
import type { Action } from "../player/actions";

/** Meaning of each finding; docs/definitions.md ("Signs of frustration") has the exact rules. */
const NOTES = {
  rage: "Three clicks or more on one spot in quick succession: the page did not answer as the visitor expected.",
  dead: "A click on something clickable that nothing answered within 2.5 s.",
  error: "A message at level error followed the click on the same page within 5 s.",
  "quick-back": "The visitor left this page for the one before it in less than 5 s.",
  thrash: "The pointer changed its direction at least five times in quick succession.",
} as const;

/** Returns the findings among actions: signs of frustration. Errors and failed requests have sections of their own. */
export function findingsOf(actions: readonly Action[]): Action[] {
  return actions.filter((action) => noteOf(action) !== "");
}

/** Returns the meaning of a finding; empty: the action is no finding. */
export function noteOf(action: Action): string {
  switch (action.kind) {
    case "rage":
    case "dead":
    case "quick-back":
    case "thrash":
      return NOTES[action.kind];
    case "error":
      return action.isAfterClick ? NOTES.error : "";
    default:
      return "isDead" in action && action.isDead ? NOTES.dead : "";
  }
}
