// The way back from a page about one session to the list that led to it: a step back in the browser's history, so that
// the list has its filters and its place.

const FROM_LIST = "list";

/** State of a history entry that a list leads to (`state` of a Link). */
export const fromList = { from: FROM_LIST } as const;

/** Whether the entry before one with this state is a list. */
export function isFromList(state: unknown): boolean {
  return typeof state === "object" && state !== null && (state as { from?: unknown }).from === FROM_LIST;
}
