// Words of the player for actions of the visitor, errors, and events that are left out of the picture.
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Target } from "@contract/recording/v1/interaction_pb";
import { pathOf } from "../format/address";
import { count, number } from "../format/amounts";
import { INTERACTION } from "../format/enums";
import type { Action } from "./actions";
import { pathIn } from "./failedRequests";
import type { GestureKind } from "./gestures";
import type { OddEvent, OddReason } from "./protocol";

/** A text of the recorded page, as opposed to the player's own words. */
export interface Quoted {
  text: string;
  /** Whether it is code: a selector, a tag, an address. */
  isCode: boolean;
}

/** An action in one line: `before`, `quoted` and `mark` first, then `tail` and `note`. */
export interface ActionLabel {
  before: string;
  /** The element, page or request that it is about. */
  quoted: Quoted | null;
  /** Punctuation after it. */
  mark: string;
  /** Text of any length. */
  tail: string;
  /** Something short that is always in view. */
  note: string;
  /** Kind of the element. */
  role: string;
}

const UNANSWERED = "nothing answered";

const PLAIN: ActionLabel = { before: "", quoted: null, mark: "", tail: "", note: "", role: "" };

const GESTURES: Readonly<Record<Exclude<GestureKind, "rage" | "dead">, readonly [onIt: string, alone: string]>> = {
  click: ["Clicked", "Click"],
  "double-click": ["Double-clicked", "Double click"],
  "right-click": ["Right-clicked", "Right click"],
  tap: ["Tapped", "Tap"],
  "double-tap": ["Double-tapped", "Double tap"],
  "long-press": ["Long press on", "Long press"],
  touch: ["Touched", "Touch"],
};

/** Roles with a plain word of their own; others are their own word, and those of no interest have none. */
const ROLES: Readonly<Record<string, string>> = {
  combobox: "list",
  generic: "",
  group: "",
  img: "image",
  listbox: "list",
  menuitem: "menu item",
  menuitemcheckbox: "menu item",
  menuitemradio: "menu item",
  none: "",
  presentation: "",
  radio: "radio button",
  searchbox: "search field",
  spinbutton: "number field",
  tabpanel: "",
  textbox: "text field",
  treeitem: "tree item",
};

/** Roles of fields that are not typed in. */
const CHOSEN: ReadonlySet<string> = new Set([
  ...["button", "checkbox", "listbox", "menuitemcheckbox", "menuitemradio", "option", "radio", "slider", "switch"],
]);

/** Returns the words for an action. */
export function actionLabel(action: Action): ActionLabel {
  switch (action.kind) {
    case "rage": {
      const quoted = quotedOf(action.target);
      const times = number(action.count);
      const before = quoted === null ? `Rage click: ${times} clicks on one spot` : `Rage click: ${times} times on`;
      return tailed(on(before, quoted, action.target), action.isDead ? UNANSWERED : "", ",");
    }
    case "dead": {
      const quoted = quotedOf(action.target);
      return on(quoted === null ? `Dead click: ${UNANSWERED}` : "Dead click on", quoted, action.target);
    }
    case "input": {
      const { target } = action;
      const quoted = quotedOf(target);
      if (quoted === null) {
        return { ...PLAIN, before: action.count > 1 ? `Input: ${count(action.count, "change")} of a field` : "Input" };
      }
      const label = on(isTypedIn(target) ? "Typed in" : "Changed", quoted, target);
      return { ...label, note: action.count > 1 ? `(${count(action.count, "change")})` : "" };
    }
    case "error": {
      const quoted = action.isAfterClick ? quotedOf(action.target) : null;
      const before = !action.isAfterClick ? "Error" : quoted === null ? "Error after a click" : "Error after click on";
      return { ...tailed(on(before, quoted, action.target), oneLine(action.message)), note: timesNote(action.count) };
    }
    case "request": {
      const path = oneLine(pathIn(action.address));
      const status = action.status === 0 ? "no answer" : String(action.status);
      return {
        ...PLAIN,
        before: ["Request failed:", action.method].filter(Boolean).join(" "),
        quoted: path === "" ? null : { text: path, isCode: true },
        note: [status, timesNote(action.count)].filter(Boolean).join(" "),
      };
    }
    case "page":
      return action.url === ""
        ? { ...PLAIN, before: "Opened a page" }
        : { ...PLAIN, before: "Opened", quoted: { text: oneLine(pathOf(action.url)), isCode: true } };
    case "quick-back":
      return action.url === ""
        ? { ...PLAIN, before: INTERACTION[InteractionKind.QUICK_BACK] }
        : { ...PLAIN, before: "Quick back to", quoted: { text: oneLine(pathOf(action.url)), isCode: true } };
    case "thrash":
      return { ...PLAIN, before: `Mouse thrash: ${count(action.count, "turn")}` };
    case "resize": {
      const { viewport } = action;
      return {
        ...PLAIN,
        before: viewport === undefined ? "Resize" : `Resized to ${viewport.width} × ${viewport.height}`,
      };
    }
    case "other": {
      return tailed({ ...PLAIN, before: INTERACTION[action.interaction] }, oneLine(action.detail));
    }
    default: {
      const [onIt, alone] = GESTURES[action.kind];
      const quoted = quotedOf(action.target);
      return tailed(on(quoted === null ? alone : onIt, quoted, action.target), action.isDead ? UNANSWERED : "", ",");
    }
  }
}

/** Returns an action in one line. */
export function actionText(action: Action): string {
  const { before, quoted, mark, tail, note } = actionLabel(action);
  const lead = [before, quoted === null ? "" : isolated(quoted.text)].filter(Boolean).join(" ") + mark;
  return [lead, isolated(tail), note].filter(Boolean).join(" ");
}

/** Returns an action with all that is known of its element or request, a line for each. */
export function actionHint(action: Action): string {
  const lines = [actionText(action)];
  if ("target" in action && action.target !== undefined) {
    const { name, role, tag, selector } = action.target;
    lines.push(roleWord(role) || oneLine(tag), oneLine(selector));
    if (isMasked(name)) {
      lines.push("Its name is masked");
    }
  }
  if (action.kind === "request") {
    lines.push(oneLine(action.address));
  }
  return lines.filter(Boolean).join("\n");
}

/** Returns whether an action has a text in its words, or in its element's name, role, tag or selector. */
export function isFound(action: Action, wanted: string): boolean {
  const searched = searchable(wanted.trim());
  return searched === "" || searchable(actionHint(action)).includes(searched);
}

function on(before: string, quoted: Quoted | null, target: Target | undefined): ActionLabel {
  return { ...PLAIN, before, quoted, role: quoted === null || target === undefined ? "" : roleWord(target.role) };
}

function tailed(label: ActionLabel, tail: string, mark = ":"): ActionLabel {
  return tail === "" ? label : { ...label, mark, tail };
}

/** Returns an element's name, or else its selector or tag; null: nothing is known. */
export function quotedOf(target: Target | undefined): Quoted | null {
  if (target === undefined) {
    return null;
  }
  const [name, selector, tag] = [oneLine(target.name), oneLine(target.selector), oneLine(target.tag)];
  if (isVisible(name) && !isMasked(name)) {
    return { text: name, isCode: false };
  }
  const code = selector || tag;
  if (code !== "") {
    return { text: code, isCode: true };
  }
  return isVisible(name) ? { text: name, isCode: false } : null;
}

function isTypedIn(target: Target | undefined): boolean {
  if (target === undefined || CHOSEN.has(target.role)) {
    return false;
  }
  return target.tag !== "select";
}

/** Returns a role in a plain word; "" for one of no interest. */
export function roleWord(role: string): string {
  const word = oneLine(role);
  return Object.hasOwn(ROLES, word) ? (ROLES[word] ?? "") : word;
}

function timesNote(times: number): string {
  return times > 1 ? `(${count(times, "time")})` : "";
}

/** Returns a text of a page in one line: without line breaks and control characters. */
export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

/** Whether a name has something to see: not only spaces and invisible characters. */
function isVisible(name: string): boolean {
  return /[^\s\p{C}\p{Z}]/u.test(name);
}

/** Whether a name consists of mask characters. */
export function isMasked(name: string): boolean {
  return /^[*•●█\s]+$/u.test(name) && name.trim() !== "";
}

/** Characters that are written from right to left, or that change the direction. */
const TURNING =
  /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]|[\u{10800}-\u{10fff}]|[\u{1e800}-\u{1efff}]/u;

/** Returns a text that does not turn the words around it, where it may. */
function isolated(text: string): string {
  return TURNING.test(text) ? `\u2068${text}\u2069` : text;
}

/** Returns a text as it is searched: in one case, with composed letters, without marks of direction. */
function searchable(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")
    .toLowerCase();
}

/** Returns how a request was answered. */
export function statusText(status: number | null): string {
  return status === null ? "Status not known" : status === 0 ? "No answer" : `Status ${status}`;
}

const ODD: Readonly<Record<OddReason, string>> = {
  "not-an-event": "not an rrweb event",
  "no-data": "an event without data",
  "wrong-type": "values of the wrong type",
  "unknown-kind": "a kind of event that this player does not know",
  "no-page": "a snapshot without a page",
  "no-size": "a viewport without a size",
  "invalid-node": "an element or attribute that cannot be built",
  "misplaced-node": "an element that cannot be in its parent",
  "misplaced-document": "a document outside of a frame",
  exception: "a change that could not be shown; the picture is sure again from the next full snapshot on",
};

/** Returns the description of an event that is left out, in one line. */
export function oddLabel({ reason, isPart }: OddEvent): string {
  return `${isPart ? "Partly left out" : "Left out"}: ${ODD[reason]}`;
}
