// Gestures with a finger or the mouse: a tap is a touch and a click, a double click is two clicks and a
// double click, and a rage click is all of its clicks. Pure.
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction, Target } from "@contract/recording/v1/interaction_pb";
import { timeMs } from "./details";

/** A gesture on an element; undefined: the element is not known. */
export interface Gesture {
  kind: GestureKind;
  target: Target | undefined;
  /** Number of clicks of a rage click; else 1. */
  count: number;
  /** Whether it has a dead click: the page did not answer. */
  isDead: boolean;
}

export type GestureKind =
  | "click"
  | "double-click"
  | "right-click"
  | "tap"
  | "double-tap"
  | "long-press"
  /** A finger put down without a click, as to scroll. */
  | "touch"
  | "rage"
  | "dead";

/** A gesture, and the interaction that it began with. */
export interface Made {
  interaction: Interaction;
  gesture: Gesture;
}

/** Time from a touch to its click, at most: holding it longer opens a context menu. In milliseconds. */
const TAP_MS = 1_500;
/** Time from a touch to its context menu, at most, in milliseconds. */
const LONG_PRESS_MS = 3_000;
/** Time from the first click to its double click, at most: systems let people choose up to 0.9 s. In milliseconds. */
const DOUBLE_MS = 1_500;
/** Pause between two clicks of a rage click, at most (`rage_gap_ms` of docs/definitions.md), in milliseconds. */
const RAGE_GAP_MS = 1_000;
/** A click on a label is repeated by the browser on the label's field: at the same time, in milliseconds. */
const ECHO_MS = 50;
/** Distance of one place on each axis, in percent of the page: an element may be replaced while it is pressed. */
const NEAR_PERCENT = 2;

/** A click, and the findings about it. */
interface Press {
  interaction: Interaction;
  /** Position among the clicks of the window. */
  at: number;
  ms: number;
  isTap: boolean;
  isDead: boolean;
  /** Whether it is part of another row. */
  isTaken: boolean;
  isOfRage: boolean;
}

/** Returns the gestures in the interactions of a window, which are in the order of time. */
export function gesturesOf(interactions: readonly Interaction[]): Made[] {
  const of = (kind: InteractionKind): Interaction[] => interactions.filter((one) => one.kind === kind);
  const presses = of(InteractionKind.CLICK).map(pressOf);
  const menus = of(InteractionKind.CONTEXT_MENU).map(pressOf);
  const touches = withoutPresses(of(InteractionKind.TOUCH), presses, menus);
  const dead = withoutClicks(of(InteractionKind.DEAD_CLICK), presses);
  const found = of(InteractionKind.RAGE_CLICK).map((rage) => rageOf(rage, presses));
  markEchoes(presses);
  for (const double of of(InteractionKind.DOUBLE_CLICK)) {
    const made = doubleOf(double, presses);
    if (made !== undefined) {
      found.push(made);
    }
  }
  const made = (interaction: Interaction, kind: GestureKind): Made => ({
    interaction,
    gesture: { kind, target: interaction.target, count: 1, isDead: kind === "dead" },
  });
  return [
    ...found,
    ...presses
      .filter(({ isTaken }) => !isTaken)
      .map(({ interaction, isDead, isTap }) => made(interaction, isDead ? "dead" : isTap ? "tap" : "click")),
    ...menus.map(({ interaction, isTap }) => made(interaction, isTap ? "long-press" : "right-click")),
    ...touches.map((interaction) => made(interaction, "touch")),
    ...dead.map((interaction) => made(interaction, "dead")),
  ];
}

function pressOf(interaction: Interaction, at: number): Press {
  const ms = timeMs(interaction.time);
  return { interaction, at, ms, isTap: false, isDead: false, isTaken: false, isOfRage: false };
}

/** Marks the clicks and context menus that were touches; returns the other touches. */
function withoutPresses(
  touches: readonly Interaction[],
  clicks: readonly Press[],
  menus: readonly Press[],
): Interaction[] {
  const all = touches.map(pressOf);
  const pair = (presses: readonly Press[], withinMs: number): void => {
    for (const press of presses) {
      for (const touch of before(all, press.ms, withinMs)) {
        if (!touch.isTaken && isOneSpot(touch.interaction, press.interaction)) {
          touch.isTaken = true;
          press.isTap = true;
          break;
        }
      }
    }
  };
  pair(clicks, TAP_MS);
  pair(menus, LONG_PRESS_MS);
  return all.filter(({ isTaken }) => !isTaken).map(({ interaction }) => interaction);
}

/** Marks the clicks that are dead; returns the dead clicks without a known click. */
function withoutClicks(dead: readonly Interaction[], presses: readonly Press[]): Interaction[] {
  return dead.filter((finding) => {
    const press = clickOf(finding, presses);
    if (press === undefined) {
      return true;
    }
    press.isDead = true;
    return false;
  });
}

/** Returns a rage click, which has its first click's time and place; its clicks are the next in the window. */
function rageOf(rage: Interaction, presses: readonly Press[]): Made {
  const run: Press[] = [];
  for (let press = clickOf(rage, presses); press !== undefined && run.length < rage.count;) {
    press.isTaken = true;
    press.isOfRage = true;
    run.push(press);
    const next: Press | undefined = presses[press.at + 1];
    press = next !== undefined && next.ms - press.ms < RAGE_GAP_MS ? next : undefined;
  }
  const targets = [rage, ...run.map(({ interaction }) => interaction)].map(({ target }) => target);
  return {
    interaction: rage,
    gesture: {
      kind: "rage",
      target: targets.find((target) => target !== undefined),
      count: rage.count,
      isDead: run.some(({ isDead }) => isDead),
    },
  };
}

/** The click that a finding is about: it has the click's time, node and place. */
function clickOf(finding: Interaction, presses: readonly Press[]): Press | undefined {
  const ms = timeMs(finding.time);
  const { nodeId, xPercent, yPercent } = finding;
  for (const press of before(presses, ms, 0)) {
    const { interaction } = press;
    const isIts =
      interaction.nodeId === nodeId && interaction.xPercent === xPercent && interaction.yPercent === yPercent;
    if (isIts && !press.isOfRage) {
      return press;
    }
  }
  return undefined;
}

/** Returns a double click with its two clicks; undefined: it is part of a rage click. */
function doubleOf(double: Interaction, presses: readonly Press[]): Made | undefined {
  const near = [...before(presses, timeMs(double.time), DOUBLE_MS)].filter(
    ({ interaction, isTaken, isOfRage }) => (!isTaken || isOfRage) && isOneSpot(interaction, double),
  );
  if (near.some(({ isOfRage }) => isOfRage)) {
    return undefined;
  }
  const clicks = near.slice(0, 2);
  for (const press of clicks) {
    press.isTaken = true;
  }
  const first = clicks.at(-1);
  return {
    interaction: first?.interaction ?? double,
    gesture: {
      kind: first?.isTap === true ? "double-tap" : "double-click",
      target: double.target ?? first?.interaction.target,
      count: 1,
      isDead: clicks.some(({ isDead }) => isDead),
    },
  };
}

/** Marks clicks on labels that the browser repeated on their fields: the field's click stands for both. */
function markEchoes(presses: readonly Press[]): void {
  for (const [index, press] of presses.entries()) {
    const next = presses[index + 1];
    if (next === undefined || next.ms - press.ms > ECHO_MS || press.isTaken || next.isTaken) {
      continue;
    }
    const [one, other] = [press.interaction, next.interaction];
    const { target } = one;
    const isNamed = target !== undefined && (target.name !== "" || target.selector !== "");
    const isSame = target?.name === other.target?.name || target?.selector === other.target?.selector;
    if (isNamed && isSame && one.nodeId !== other.nodeId) {
      press.isTaken = true;
      next.isTap ||= press.isTap;
      next.isDead ||= press.isDead;
    }
  }
}

function isOneSpot(one: Interaction, other: Interaction): boolean {
  if (one.nodeId !== 0n && one.nodeId === other.nodeId) {
    return true;
  }
  if (one.target !== undefined && one.target.selector !== "" && one.target.selector === other.target?.selector) {
    return true;
  }
  // Without a position, both are 0.
  const isPlaced = one.xPercent !== 0 || one.yPercent !== 0;
  return (
    isPlaced &&
    Math.abs(one.xPercent - other.xPercent) <= NEAR_PERCENT &&
    Math.abs(one.yPercent - other.yPercent) <= NEAR_PERCENT
  );
}

/** Yields the presses at a time and at most `withinMs` before it, the latest first. */
function* before(presses: readonly Press[], ms: number, withinMs: number): Generator<Press> {
  let [low, high] = [0, presses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((presses[middle]?.ms ?? Infinity) <= ms) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (let index = low - 1; index >= 0; index -= 1) {
    const press = presses[index];
    if (press === undefined || press.ms < ms - withinMs) {
      return;
    }
    yield press;
  }
}
