// What is known of a session beside its pictures: when something was done, what the visitor did, what the page said and
// fetched. The server's interactions tell of the whole session at once, the chunks' own facts as they are read.
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { Activity, type Span, type WindowSegment } from "./activity";
import { isActivity, timeMs } from "./details";
import type { ChunkFacts, ConsoleRow, NetworkRow } from "./protocol";

/** Rows of console and network kept for the panel at most; the oldest go first. */
const MOST_ROWS = 5_000;

export class Knowledge {
  #activity: Activity;
  #countedMs = new Map<boolean, number>();
  interactions: readonly Interaction[] = [];
  consoleRows: readonly ConsoleRow[] = [];
  networkRows: readonly NetworkRow[] = [];

  /** @param startMs The session's first moment. */
  constructor(startMs: number) {
    this.#activity = new Activity(startMs);
  }

  /**
   * Takes the session's interactions, as they are fetched; a live session's again and again, those known included.
   *
   * @param isListed Whether a person reads them; else they only tell when something moved.
   */
  takeInteractions(isListed: boolean, interactions: readonly Interaction[]): void {
    const countedMs = this.#countedMs.get(isListed) ?? -Infinity;
    const later = interactions.filter((interaction) => timeMs(interaction.time) > countedMs);
    for (const interaction of later) {
      if (isActivity(interaction.kind)) this.#activity.add(interaction.windowId, timeMs(interaction.time));
    }
    if (later.length === 0) return;
    this.#countedMs.set(isListed, timeMs(later.at(-1)?.time));
    if (isListed) this.interactions = [...this.interactions, ...later];
  }

  /** Takes what was read in a chunk. */
  takeFacts(facts: ChunkFacts): void {
    for (const activeMs of facts.activeMs) this.#activity.mark(facts.windowId, activeMs);
    this.consoleRows = merged(this.consoleRows, facts.consoleRows);
    this.networkRows = merged(this.networkRows, facts.networkRows);
  }

  /** How much happened in each of `bins` equal parts of a span. */
  histogram(span: Span, bins: number): number[] {
    return this.#activity.histogram(span, bins);
  }

  /** What of a span can be skipped. */
  pauses(span: Span): Span[] {
    return this.#activity.pauses(span);
  }

  /** Which window was in use when. */
  segments(windows: readonly WindowSegment[]): WindowSegment[] {
    return this.#activity.segments(windows);
  }
}

/** Merges rows that are in the order of time each; keeps the newest. */
function merged<Row extends { timeMs: number }>(rows: readonly Row[], more: readonly Row[]): readonly Row[] {
  if (more.length === 0) return rows;
  const all = [...rows, ...more];
  const isInOrder = (rows.at(-1)?.timeMs ?? -Infinity) <= (more[0]?.timeMs ?? Infinity);
  if (!isInOrder) all.sort((one, other) => one.timeMs - other.timeMs);
  return all.length > MOST_ROWS ? all.slice(all.length - MOST_ROWS) : all;
}
