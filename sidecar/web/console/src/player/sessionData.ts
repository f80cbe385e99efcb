// Data of a session besides its pictures: times of activity, the visitor's actions, the page's console messages and
// requests. The server's interactions cover the whole session at once, the chunks' own facts come as they are read.
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { type Action, actionsOf } from "./actions";
import { Activity, type WindowSegment } from "./activity";
import { isActivity, timeMs } from "./details";
import { hasFailed } from "./failedRequests";
import type { ChunkFacts, ConsoleRow, NetworkRow, OddEvent } from "./protocol";
import { joined, type Span, within, without } from "./spans";

/** Rows of console and network, failed requests, and events that are left out, kept at most; the oldest go first. */
const MOST_ROWS = 5_000;

/** A failed request in a chunk that has been read. */
interface FailedRow extends NetworkRow {
  chunk: string;
}

export class SessionData {
  #activity: Activity;
  readonly #known = new Set<string>();
  #countedSpans: readonly Span[] = [];
  #readSpans: readonly Span[] = [];
  #interactions: readonly Interaction[] = [];
  #failedRequests: readonly FailedRow[] = [];
  #actions: readonly Action[] | undefined;
  consoleRows: readonly ConsoleRow[] = [];
  networkRows: readonly NetworkRow[] = [];
  /** Events that are left out of the picture, in the order of time. */
  oddEvents: readonly OddEvent[] = [];
  readonly #knownOdd = new Set<string>();

  /** @param startMs The session's first moment. */
  constructor(startMs: number) {
    this.#activity = new Activity(startMs);
  }

  /**
   * Takes the session's interactions, as they are fetched; a live session's again and again, those known included. New
   * ones may lie before known ones: that a click was dead, or raged, is found out later, and windows are not in step.
   *
   * @param isListed Whether they are for the list of actions; else they only mark activity.
   */
  takeInteractions(isListed: boolean, interactions: readonly Interaction[]): void {
    const news: Interaction[] = [];
    for (const interaction of interactions) {
      const key = keyOf(interaction);
      if (this.#known.has(key)) {
        continue;
      }
      this.#known.add(key);
      news.push(interaction);
      if (isActivity(interaction.kind)) {
        this.#activity.add(interaction.windowId, timeMs(interaction.time));
      }
    }
    if (isListed) {
      this.#interactions = merged(this.#interactions, news, ({ time }) => timeMs(time));
      this.#actions = news.length === 0 ? this.#actions : undefined;
    }
  }

  /**
   * The list of actions: of the interactions. Failed requests of a chunk that are not among them (a recording of an
   * earlier version, a server without detectors, interactions on their way) are those of the chunk, once it is read.
   */
  get actions(): readonly Action[] {
    this.#actions ??= actionsOf(this.#interactions, this.#requestsBeside());
    return this.#actions;
  }

  #requestsBeside(): readonly NetworkRow[] {
    if (this.#failedRequests.length === 0) {
      return [];
    }
    const failed = this.#interactions.filter(({ kind }) => kind === InteractionKind.FAILED_REQUEST);
    const stored = new Set(failed.map(({ windowId, seq }) => chunkOf(windowId, seq)));
    return this.#failedRequests.filter(({ chunk }) => !stored.has(chunk));
  }

  /** Adds the facts of a chunk. */
  takeFacts(facts: ChunkFacts): void {
    for (const activeMs of facts.activeMs) {
      this.#activity.mark(facts.windowId, activeMs);
    }
    this.consoleRows = newest(merged(this.consoleRows, facts.consoleRows, rowMs));
    this.networkRows = newest(merged(this.networkRows, facts.networkRows, rowMs));
    const chunk = chunkOf(facts.windowId, facts.seq);
    const failed = facts.networkRows.filter(hasFailed).map((row) => ({ ...row, chunk }));
    this.#failedRequests = newest(merged(this.#failedRequests, failed, ({ reportedMs }) => reportedMs));
    this.#actions = failed.length === 0 ? this.#actions : undefined;
    this.takeOdd(facts.oddEvents);
  }

  /** Notes events that are left out; each stage reports them again. Returns whether some are new. */
  takeOdd(oddEvents: readonly OddEvent[]): boolean {
    const news = oddEvents.filter((odd) => {
      const key = [odd.windowId, odd.seq, odd.index, odd.reason].join(" ");
      const isNew = !this.#knownOdd.has(key);
      this.#knownOdd.add(key);
      return isNew;
    });
    this.oddEvents = newest(merged(this.oddEvents, news, rowMs));
    return news.length > 0;
  }

  /** Notes spans in which all activity has been counted. The rest is unknown: no pause is found in it. */
  takeCounted(spans: readonly Span[]): void {
    this.#countedSpans = joined([...this.#countedSpans, ...spans]);
  }

  /** Notes spans of which all rows of console and network have been read, and with them all activity. */
  takeRead(spans: readonly Span[]): void {
    this.#readSpans = joined([...this.#readSpans, ...spans]);
    this.takeCounted(spans);
  }

  /** Whether all rows of a span have been read. */
  isRead(span: Span): boolean {
    return without(span, this.#readSpans).length === 0;
  }

  /** Returns the parts of a span in which the activity is not known yet. */
  unknown(span: Span): Span[] {
    return without(span, this.#countedSpans);
  }

  /** Amount of activity in each of `bins` equal parts of a span. */
  histogram(span: Span, bins: number): number[] {
    return this.#activity.histogram(span, bins);
  }

  /** Skippable parts of a span, as far as its activity is known. */
  pauses(span: Span): Span[] {
    return within(span, this.#countedSpans).flatMap((counted) => this.#activity.pauses(counted));
  }

  /** Windows in use over time. */
  segments(windows: readonly WindowSegment[]): WindowSegment[] {
    return this.#activity.segments(windows);
  }
}

/** Key of an interaction. */
function keyOf({ windowId, number, seq, kind, time }: Interaction): string {
  return [windowId, number, seq, kind, timeMs(time)].join(" ");
}

function chunkOf(windowId: string, seq: bigint | number): string {
  return `${windowId} ${seq}`;
}

function rowMs({ timeMs: ms }: { timeMs: number }): number {
  return ms;
}

/** Merges two lists that are in the order of time each; the same list where there is nothing to merge. */
function merged<Row>(rows: readonly Row[], more: readonly Row[], msOf: (row: Row) => number): readonly Row[] {
  const [last, first] = [rows.at(-1), more[0]];
  if (first === undefined) {
    return rows;
  }
  const all = [...rows, ...more];
  if (last !== undefined && msOf(last) > msOf(first)) {
    all.sort((one, other) => msOf(one) - msOf(other));
  }
  return all;
}

function newest<Row>(rows: readonly Row[]): readonly Row[] {
  return rows.length > MOST_ROWS ? rows.slice(rows.length - MOST_ROWS) : rows;
}
