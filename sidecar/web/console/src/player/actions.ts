// Rows of the list of actions: interactions that are one action, or tell one thing, are one row. Pure.
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction, Target } from "@contract/recording/v1/interaction_pb";
import { timeMs } from "./details";
import { isSameError, plainMessage } from "./errorMessages";
import { type FailedRequest, failedRequest, readFailedRequest } from "./failedRequests";
import { type Gesture, gesturesOf } from "./gestures";
import type { NetworkRow } from "./protocol";

interface Row {
  timeMs: number;
  /** Times of everything that the row stands for and that is worth a mark; the first is `timeMs`. */
  timesMs: readonly number[];
  windowId: string;
}

/** A row of the list: an action of the visitor, a detector's finding, an error or a failed request. */
export type Action = Row &
  (
    | Gesture
    | { kind: "input"; target: Target | undefined; count: number }
    /** An error; `isAfterClick`: one on `target`, as far as that is known. */
    | { kind: "error"; isAfterClick: boolean; target: Target | undefined; message: string; count: number }
    /** A request that failed. */
    | ({ kind: "request"; count: number } & FailedRequest)
    | { kind: "page" | "quick-back"; url: string }
    | { kind: "thrash"; count: number }
    | { kind: "resize"; viewport: { width: number; height: number } | undefined }
    /** A kind of interaction without a form of its own. */
    | { kind: "other"; interaction: InteractionKind; detail: string }
  );

/** Time from a click to its error, exclusive (`error_click_ms` of docs/definitions.md), in milliseconds. */
const ERROR_CLICK_MS = 5_000;

/** Kinds that `gesturesOf` makes rows of. */
const GESTURES: ReadonlySet<InteractionKind> = new Set([
  InteractionKind.CLICK,
  InteractionKind.DOUBLE_CLICK,
  InteractionKind.CONTEXT_MENU,
  InteractionKind.TOUCH,
  InteractionKind.RAGE_CLICK,
  InteractionKind.DEAD_CLICK,
]);

/**
 * Returns the rows of a session's interactions and failed requests, in the order of time.
 *
 * @param interactions In the order of time.
 * @param failedRequests Requests with `hasFailed` that are not among the interactions, in the order of time.
 */
export function actionsOf(interactions: readonly Interaction[], failedRequests: readonly NetworkRow[]): Action[] {
  const windows = new Map<string, Interaction[]>();
  for (const interaction of interactions) {
    const window = windows.get(interaction.windowId);
    if (window === undefined) {
      windows.set(interaction.windowId, [interaction]);
    } else {
      window.push(interaction);
    }
  }
  const rows = [...windows.values()].flatMap(actionsOfWindow);
  rows.push(...failedRequests.map(requestAction));
  rows.sort((one, other) => one.timeMs - other.timeMs);
  return withoutRepeats(rows);
}

function actionsOfWindow(interactions: readonly Interaction[]): Action[] {
  const clicks = new Map<Interaction, Interaction>();
  const errors = interactions.filter(({ kind }) => kind === InteractionKind.ERROR);
  const others: Interaction[] = [];
  for (const interaction of interactions) {
    if (interaction.kind === InteractionKind.ERROR_CLICK) {
      const error = errorAfter(interaction, errors, clicks);
      if (error === undefined) {
        others.push(interaction);
      } else {
        clicks.set(error, interaction);
      }
    } else if (!GESTURES.has(interaction.kind)) {
      others.push(interaction);
    }
  }
  const gestures = gesturesOf(interactions.filter(({ kind }) => GESTURES.has(kind)));
  return [
    ...gestures.map(({ interaction, gesture }): Action => ({ ...rowOf(interaction), ...gesture })),
    ...others.map((interaction) => otherAction(interaction, clicks.get(interaction))),
  ];
}

/** The error of an error click, which has the click's time and the error's message. */
function errorAfter(
  click: Interaction,
  errors: readonly Interaction[],
  taken: ReadonlyMap<Interaction, Interaction>,
): Interaction | undefined {
  const at = timeMs(click.time);
  for (let index = firstFrom(errors, at); index < errors.length; index += 1) {
    const error = errors[index];
    if (error === undefined || timeMs(error.time) >= at + ERROR_CLICK_MS) {
      return undefined;
    }
    if (error.detail === click.detail && !taken.has(error)) {
      return error;
    }
  }
  return undefined;
}

/** Position of the first interaction at or after a time. */
function firstFrom(interactions: readonly Interaction[], ms: number): number {
  let [low, high] = [0, interactions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeMs(interactions[middle]?.time) < ms) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function otherAction(interaction: Interaction, click: Interaction | undefined): Action {
  const { kind, detail, count, target, viewport } = interaction;
  const row = rowOf(interaction);
  switch (kind) {
    case InteractionKind.INPUT:
      return { ...row, kind: "input", target, count };
    case InteractionKind.ERROR:
    case InteractionKind.ERROR_CLICK:
      return {
        ...row,
        kind: "error",
        isAfterClick: click !== undefined || kind === InteractionKind.ERROR_CLICK,
        target: (click ?? interaction).target,
        message: plainMessage(detail),
        count: 1,
      };
    case InteractionKind.PAGE:
      return { ...row, kind: "page", url: detail || interaction.page };
    case InteractionKind.QUICK_BACK:
      return { ...row, kind: "quick-back", url: detail || interaction.page };
    case InteractionKind.MOUSE_THRASH:
      return { ...row, kind: "thrash", count };
    case InteractionKind.RESIZE:
      return { ...row, kind: "resize", viewport };
    case InteractionKind.FAILED_REQUEST: {
      const request = readFailedRequest(detail);
      if (request !== null) {
        return { ...row, kind: "request", ...request, count: 1 };
      }
      return { ...row, kind: "other", interaction: kind, detail };
    }
    default:
      return { ...row, kind: "other", interaction: kind, detail };
  }
}

function requestAction({ reportedMs: ms, windowId, method, url, status }: NetworkRow): Action {
  return { timeMs: ms, timesMs: [ms], windowId, kind: "request", ...failedRequest(method, url, status), count: 1 };
}

function rowOf({ time, windowId }: Interaction): Row {
  const ms = timeMs(time);
  return { timeMs: ms, timesMs: [ms], windowId };
}

/** Makes one row of errors, and of failed requests, that repeat without another row between them. */
function withoutRepeats(rows: readonly Action[]): Action[] {
  const found: Action[] = [];
  /** Of the last row, an error: how often it had each wording. */
  let wordings = new Map<string, number>();
  for (const row of rows) {
    const last = found.at(-1);
    if (last?.kind === "error" && row.kind === "error" && isRepeat(last, row)) {
      const times = (wordings.get(row.message) ?? 0) + 1;
      wordings.set(row.message, times);
      // An uncaught error that is also on the console has two wordings, and happened once.
      const isAgain = times > last.count;
      found[found.length - 1] = {
        ...last,
        isAfterClick: last.isAfterClick || row.isAfterClick,
        target: last.target ?? row.target,
        count: Math.max(last.count, times),
        timesMs: isAgain ? [...last.timesMs, row.timeMs] : last.timesMs,
      };
    } else if (last?.kind === "request" && row.kind === "request" && isSameRequest(last, row)) {
      found[found.length - 1] = { ...last, count: last.count + 1, timesMs: [...last.timesMs, row.timeMs] };
    } else {
      found.push(row);
      wordings = new Map(row.kind === "error" ? [[row.message, 1]] : []);
    }
  }
  return found;
}

type ErrorAction = Extract<Action, { kind: "error" }>;
type RequestAction = Extract<Action, { kind: "request" }>;

function isRepeat(last: ErrorAction, row: ErrorAction): boolean {
  const isSameClick = !last.isAfterClick || !row.isAfterClick || isSameTarget(last.target, row.target);
  return (
    last.windowId === row.windowId && isSameClick && isSameError({ ...last, timeMs: last.timesMs.at(-1) ?? 0 }, row)
  );
}

function isSameTarget(one: Target | undefined, other: Target | undefined): boolean {
  return one?.selector === other?.selector && one?.name === other?.name;
}

function isSameRequest(last: RequestAction, row: RequestAction): boolean {
  return (
    last.windowId === row.windowId &&
    last.method === row.method &&
    last.address === row.address &&
    last.status === row.status
  );
}
