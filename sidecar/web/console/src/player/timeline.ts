// Positions on the timeline. Pure.
import type { Action } from "./actions";
import type { OddEvent } from "./protocol";

export type MarkKind = "page" | "error" | "rage" | "dead" | "other" | "odd";

/** A notable moment. */
export interface Mark {
  kind: MarkKind;
  timeMs: number;
  /** Text for the user. */
  label: string;
  /** How many lie so close together that they are shown as one. */
  count: number;
}

const KINDS: Readonly<Partial<Record<Action["kind"], MarkKind>>> = {
  page: "page",
  error: "error",
  request: "error",
  rage: "rage",
  dead: "dead",
  "quick-back": "other",
  thrash: "other",
};

const RANK: Readonly<Record<MarkKind, number>> = { other: 0, page: 1, odd: 2, dead: 3, rage: 4, error: 5 };

/** Returns the kind of an action's marks; undefined: it is not marked. */
export function markKindOf(action: Action): MarkKind | undefined {
  return KINDS[action.kind] ?? ("isDead" in action && action.isDead ? "dead" : undefined);
}

/** Returns the marks of actions, in the order of time: one for each time that it happened. */
export function marksOf(actions: readonly Action[], name: (action: Action) => string): Mark[] {
  const marks = actions.flatMap((action) => {
    const kind = markKindOf(action);
    return kind === undefined ? [] : action.timesMs.map((timeMs) => ({ kind, timeMs, label: name(action), count: 1 }));
  });
  return marks.sort((one, other) => one.timeMs - other.timeMs);
}

/** Returns the marks of events that are left out of the picture. */
export function marksOfOdd(oddEvents: readonly OddEvent[], name: (oddEvent: OddEvent) => string): Mark[] {
  return oddEvents.map((odd) => ({ kind: "odd", timeMs: odd.timeMs, label: name(odd), count: 1 }));
}

/**
 * Returns the marks with overlapping ones merged; a merged mark has the gravest kind, and the labels of all.
 *
 * @param gapMs Marks nearer than this are one.
 */
export function gathered(marks: readonly Mark[], gapMs: number): Mark[] {
  const found: Mark[] = [];
  for (const mark of marks) {
    const last = found.at(-1);
    if (last === undefined || mark.timeMs - last.timeMs >= gapMs) {
      found.push(mark);
      continue;
    }
    found[found.length - 1] = {
      kind: RANK[mark.kind] > RANK[last.kind] ? mark.kind : last.kind,
      timeMs: last.timeMs,
      label: withLine(last.label, mark.label),
      count: last.count + mark.count,
    };
  }
  return found;
}

const MOST_LINES = 6;

/** Adds a line, unless there are enough or it is there: an error that repeats has one. */
function withLine(label: string, line: string): string {
  const lines = label.split("\n");
  return lines.length >= MOST_LINES || lines.includes(line) ? label : `${label}\n${line}`;
}

/** Returns where a moment lies between 0 and 100 percent of a span. */
export function percentAt(timeAtMs: number, startMs: number, endMs: number): number {
  if (endMs <= startMs) {
    return 0;
  }
  return Math.min(100, Math.max(0, ((timeAtMs - startMs) / (endMs - startMs)) * 100));
}

/** Returns the outline of a histogram, as the path of an SVG that is as wide as there are bins and 100 high. */
export function histogramPath(counts: readonly number[]): string {
  const most = Math.max(1, ...counts);
  // Square root, so that quiet parts stay visible beside busy ones.
  const bars = counts.map((value, bin) => {
    if (value === 0) {
      return "";
    }
    const height = Math.max(8, Math.sqrt(value / most) * 100);
    return `M${bin} 100V${(100 - height).toFixed(1)}h.8V100z`;
  });
  return bars.join("");
}
