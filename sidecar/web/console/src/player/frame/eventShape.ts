// Events in a form that the Replayer can play. The checks follow its source (@rrweb/replay 2.1.6): it reads these fields
// of each type and source without asking whether they are there. Odd events are repaired where the meaning is sure, else
// left out with a reason.
import { EventType, IncrementalSource, MediaInteractions, MouseInteractions, NodeType } from "@rrweb/types";
import type { OddReason } from "../protocol";
import { canBeSet, cleanNode, type Fields, isFields, isId, isNumber, listOf, textOf } from "./nodeShape";

/** Largest width and height of a viewport, in CSS pixels; the largest that ClickHouse's column for them holds. */
const LARGEST_PX = 65_535;

/** Longest time that a pointer's position may lie before its event, in milliseconds: rrweb sends them every 500 ms. */
const OLDEST_POSITION_MS = 10_000;

/** Outcome of a check. */
export interface Checked {
  /** Whether the event can be shown, perhaps without its odd parts. */
  isShown: boolean;
  /** Why it, or a part of it, is left out; null: nothing is missing in the picture. */
  reason: OddReason | null;
}

const GOOD: Checked = { isShown: true, reason: null };

function without(reason: OddReason): Checked {
  return { isShown: false, reason };
}

function partly(leftOut: number, reason: OddReason): Checked {
  return leftOut === 0 ? GOOD : { isShown: true, reason };
}

function good(isGood: boolean): Checked {
  return isGood ? GOOD : without("wrong-type");
}

/** Checks and repairs an event, which it changes. */
export function checkEvent(event: Fields): Checked {
  const { type, data } = event;
  switch (type) {
    case EventType.DomContentLoaded:
    case EventType.Load:
      return GOOD;
    case EventType.FullSnapshot:
      return isFields(data) ? checkSnapshot(data) : without("no-data");
    case EventType.IncrementalSnapshot:
      return isFields(data) ? checkIncremental(data) : without("no-data");
    case EventType.Meta:
      return isFields(data) ? checkMeta(data) : without("no-data");
    case EventType.Custom:
      return isFields(data) && typeof data.tag === "string" ? GOOD : without("no-data");
    case EventType.Plugin:
      return isFields(data) && typeof data.plugin === "string" ? GOOD : without("no-data");
    default:
      return without("unknown-kind");
  }
}

function checkSnapshot(data: Fields): Checked {
  const { node } = data;
  if (!isFields(node) || node.type !== NodeType.Document) {
    return without("no-page");
  }
  const leftOut = cleanNode(node);
  const isPage = listOf(node.childNodes).some((child) => isFields(child) && lowered(child.tagName) === "html");
  if (leftOut === null || !isPage) {
    return without("no-page");
  }
  const { top, left } = isFields(data.initialOffset) ? data.initialOffset : {};
  data.initialOffset = { top: isNumber(top) ? top : 0, left: isNumber(left) ? left : 0 };
  return partly(leftOut, "invalid-node");
}

/** A size that cannot be shown is 0 from here on: the stage shows another one. */
function checkMeta(data: Fields): Checked {
  data.href = textOf(data.href);
  if (!isSize(data)) {
    data.width = data.height = 0;
  }
  return GOOD;
}

function checkIncremental(data: Fields): Checked {
  switch (data.source) {
    case IncrementalSource.Mutation:
      return checkMutation(data);
    case IncrementalSource.MouseMove:
    case IncrementalSource.TouchMove:
    case IncrementalSource.Drag:
      return checkMoves(data);
    case IncrementalSource.MouseInteraction:
      if (data.x !== undefined && !isNumber(data.x)) {
        delete data.x;
      }
      if (data.y !== undefined && !isNumber(data.y)) {
        delete data.y;
      }
      return good(isId(data.id) && isMemberOf(MouseInteractions, data.type));
    case IncrementalSource.Scroll:
      return good(isId(data.id) && isNumber(data.x) && isNumber(data.y));
    case IncrementalSource.ViewportResize:
      return isSize(data) ? GOOD : without("no-size");
    case IncrementalSource.Input:
      return checkInput(data);
    case IncrementalSource.MediaInteraction:
      return checkMedia(data);
    case IncrementalSource.StyleSheetRule:
      return checkRules(data);
    case IncrementalSource.StyleDeclaration:
      return good(
        isPath(data.index) &&
          isMissingOr(data.set, (set) => isFields(set) && typeof set.property === "string") &&
          isMissingOr(data.remove, (remove) => isFields(remove) && typeof remove.property === "string"),
      );
    case IncrementalSource.CanvasMutation:
      return good(isId(data.id));
    case IncrementalSource.Font:
      return good(typeof data.family === "string" && typeof data.fontSource === "string");
    case IncrementalSource.Selection:
      data.ranges ??= [];
      return good(Array.isArray(data.ranges) && data.ranges.every(isFields));
    case IncrementalSource.AdoptedStyleSheet:
      return checkAdopted(data);
    case IncrementalSource.Log:
    case IncrementalSource.CustomElement:
      return GOOD;
    default:
      return without("unknown-kind");
  }
}

const LISTS = ["texts", "attributes", "removes", "adds"] as const;

function checkMutation(data: Fields): Checked {
  for (const name of LISTS) {
    data[name] ??= [];
  }
  if (!LISTS.every((name) => Array.isArray(data[name]))) {
    return without("wrong-type");
  }
  let leftOut = 0;
  const keep = (name: (typeof LISTS)[number], isGood: (entry: Fields) => boolean): void => {
    const entries = listOf(data[name]);
    const kept = entries.filter((entry) => isFields(entry) && isGood(entry));
    leftOut += entries.length - kept.length;
    data[name] = kept;
  };
  keep("texts", (entry) => {
    entry.value = entry.value === null ? null : textOf(entry.value);
    return isId(entry.id);
  });
  keep("removes", (entry) => isId(entry.id) && isId(entry.parentId));
  keep("attributes", (entry) => {
    if (!isId(entry.id) || !isFields(entry.attributes)) {
      return false;
    }
    for (const [name, value] of Object.entries(entry.attributes)) {
      if (!canBeSet(name, value)) {
        Reflect.deleteProperty(entry.attributes, name);
        leftOut += 1;
      }
    }
    return true;
  });
  keep("adds", (entry) => {
    const odd = cleanNode(entry.node);
    if (odd === null || !isId(entry.parentId)) {
      return false;
    }
    leftOut += odd;
    // Without a place of its own, a node comes last.
    entry.nextId = isId(entry.nextId) ? entry.nextId : null;
    if (entry.previousId !== undefined && !isId(entry.previousId)) {
      delete entry.previousId;
    }
    return true;
  });
  const remain = LISTS.reduce((sum, name) => sum + listOf(data[name]).length, 0);
  return remain === 0 && leftOut > 0 ? without("invalid-node") : partly(leftOut, "invalid-node");
}

function checkMoves(data: Fields): Checked {
  const positions = listOf(data.positions);
  const kept = positions.filter(
    (one): one is Fields => isFields(one) && isNumber(one.x) && isNumber(one.y) && isId(one.id),
  );
  if (kept.length === 0) {
    // Nothing is missing where nothing was recorded; the Replayer needs a position.
    const isEmpty = Array.isArray(data.positions) && positions.length === 0;
    return { isShown: false, reason: isEmpty ? null : "wrong-type" };
  }
  for (const position of kept) {
    const { timeOffset } = position;
    position.timeOffset = isNumber(timeOffset) ? Math.min(0, Math.max(-OLDEST_POSITION_MS, timeOffset)) : 0;
  }
  data.positions = kept;
  return partly(positions.length - kept.length, "wrong-type");
}

function checkInput(data: Fields): Checked {
  const hasText = typeof data.text === "string" || isNumber(data.text);
  if (!isId(data.id) || (!hasText && typeof data.isChecked !== "boolean")) {
    return without("wrong-type");
  }
  data.text = textOf(data.text);
  data.isChecked = data.isChecked === true;
  return GOOD;
}

/** Properties of media that cannot be set are left out; the action itself remains. */
function checkMedia(data: Fields): Checked {
  if (!isId(data.id) || !isMemberOf(MediaInteractions, data.type)) {
    return without("wrong-type");
  }
  const ranges = { currentTime: [0, Number.MAX_VALUE], volume: [0, 1], playbackRate: [0.0625, 16] } as const;
  for (const [name, [least, most]] of Object.entries(ranges)) {
    const value = data[name];
    if (value !== undefined && !(isNumber(value) && value >= least && value <= most)) {
      Reflect.deleteProperty(data, name);
    }
  }
  return GOOD;
}

function checkRules(data: Fields): Checked {
  data.adds ??= [];
  data.removes ??= [];
  if (!Array.isArray(data.adds) || !Array.isArray(data.removes)) {
    return without("wrong-type");
  }
  const adds = data.adds.filter(isAddedRule);
  const removes = data.removes.filter((one) => isFields(one) && (isId(one.index) || isPath(one.index)));
  const leftOut = data.adds.length + data.removes.length - adds.length - removes.length;
  data.adds = adds;
  data.removes = removes;
  return partly(leftOut, "wrong-type");
}

function checkAdopted(data: Fields): Checked {
  if (!isId(data.id) || !Array.isArray(data.styleIds)) {
    return without("wrong-type");
  }
  data.styles ??= [];
  if (!Array.isArray(data.styles)) {
    return without("wrong-type");
  }
  const styles = data.styles.filter((one): one is Fields => isFields(one) && isId(one.styleId));
  let leftOut = data.styles.length - styles.length;
  for (const style of styles) {
    const rules = listOf(style.rules);
    const kept = rules.filter(isAddedRule);
    leftOut += rules.length - kept.length;
    style.rules = kept;
  }
  data.styles = styles;
  return partly(leftOut, "wrong-type");
}

function isAddedRule(rule: unknown): boolean {
  return (
    isFields(rule) &&
    typeof rule.rule === "string" &&
    (rule.index === undefined || rule.index === null || isId(rule.index) || isPath(rule.index))
  );
}

/** Whether a value is the place of a rule inside of other rules. */
function isPath(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((index) => isId(index) && index >= 0);
}

/** Whether `width` and `height` are a viewport's. */
export function isSize({ width, height }: Fields): boolean {
  return [width, height].every((length) => isNumber(length) && length >= 1 && length <= LARGEST_PX);
}

function isMemberOf(members: Readonly<Record<string | number, unknown>>, value: unknown): boolean {
  return typeof value === "number" && members[value] !== undefined;
}

function isMissingOr(value: unknown, isGood: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || isGood(value);
}

function lowered(value: unknown): string {
  return typeof value === "string" ? value.toLowerCase() : "";
}
