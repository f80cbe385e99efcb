// The live sessions as they are known here: the first list, then each change, and since when each has been silent.
import type { SessionsSnapshot, WatchSessionsResponse } from "@contract/audit/v1/audit_service_pb";
import type { Session } from "@contract/recording/v1/session_pb";
import { timestampMs } from "@bufbuild/protobuf/wkt";

/** A session that is being recorded. */
export interface LiveSession {
  session: Session;
  /** When its last events were stored, by this browser's clock; milliseconds since 1970 UTC. */
  heardMs: number;
  /** Events in each of the last `ACTIVITY_STEPS` steps, the newest last. */
  activity: readonly number[];
}

/** The displayed state. */
export interface LiveView {
  /** Newest first. */
  sessions: readonly LiveSession[];
  /** Live sessions that are not among them, because there are more than are kept. */
  leftOut: number;
}

/** Number of activity steps that are kept, and duration of a step. */
export const ACTIVITY_STEPS = 12;
export const ACTIVITY_STEP_MS = 5_000;

interface Known {
  session: Session;
  /** The events that have come in a step, by the step's number. */
  steps: Map<number, number>;
}

/**
 * Keeps the state of a WatchSessions stream. Each stream begins with all sessions and replaces the state of an earlier
 * one: there are no duplicates, and no sessions that ended meanwhile.
 */
export class LiveSessions {
  readonly #maxSessions: number;
  #kept = new Map<string, Known>();
  readonly #leftOut = new Set<string>();
  // The smallest time between storing and hearing of it, and whether it is that of something that was just stored.
  #shortestMs = Infinity;
  #isFresh = false;

  /** @param maxSessions Maximum number of sessions; the newest are kept. */
  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  /** Processes a message of the stream that was received at `nowMs`. */
  take({ message }: WatchSessionsResponse, nowMs: number): void {
    switch (message.case) {
      case "snapshot":
        this.#replace(message.value, nowMs);
        break;
      case "upsert":
        this.#upsert(message.value, nowMs);
        break;
      case "removal":
        this.#kept.delete(message.value.sessionId);
        this.#leftOut.delete(message.value.sessionId);
        break;
      case undefined: // from a newer server
        break;
    }
  }

  /** Returns the state to show at `nowMs`. */
  view(nowMs: number): LiveView {
    const aheadMs = this.#clockAheadMs();
    const sessions = [...this.#kept.values()].map(({ session, steps }) => ({
      session,
      heardMs: Math.min(nowMs, storedMs(session) + aheadMs),
      activity: lastSteps(steps, nowMs),
    }));
    return { sessions: sessions.sort((a, b) => newestFirst(a.session, b.session)), leftOut: this.#leftOut.size };
  }

  #replace({ sessions }: SessionsSnapshot, nowMs: number): void {
    const before = this.#kept;
    this.#kept = new Map();
    this.#leftOut.clear();
    this.#shortestMs = Infinity;
    this.#isFresh = false;
    for (const session of [...sessions].sort(newestFirst)) {
      if (this.#kept.size >= this.#maxSessions) {
        this.#leftOut.add(session.sessionId);
      } else {
        this.#keep(session, before.get(session.sessionId), nowMs);
      }
      this.#shortestMs = Math.min(this.#shortestMs, nowMs - storedMs(session));
    }
  }

  #upsert(session: Session, nowMs: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, nowMs - storedMs(session));
    this.#isFresh = true;
    const known = this.#kept.get(session.sessionId);
    this.#keep(session, known, nowMs);
    this.#leftOut.delete(session.sessionId);
    if (this.#kept.size > this.#maxSessions) {
      const oldest = [...this.#kept.values()]
        .map((one) => one.session)
        .sort(newestFirst)
        .at(-1);
      if (oldest === undefined) {
        return;
      }
      this.#kept.delete(oldest.sessionId);
      this.#leftOut.add(oldest.sessionId);
    }
  }

  #keep(session: Session, known: Known | undefined, nowMs: number): void {
    const steps = known?.steps ?? new Map<number, number>();
    const more = known === undefined ? 0 : events(session) - events(known.session);
    const step = Math.floor(nowMs / ACTIVITY_STEP_MS);
    if (more > 0) {
      steps.set(step, (steps.get(step) ?? 0) + more);
    }
    for (const old of steps.keys()) {
      if (old <= step - ACTIVITY_STEPS) {
        steps.delete(old);
      }
    }
    this.#kept.set(session.sessionId, { session, steps });
  }

  /**
   * Returns by how much this browser's clock is ahead of the server's. An upsert arrives within about a second of its
   * change, so the shortest time seen is the difference of the clocks. A snapshot includes silent sessions: of its
   * times only those below zero are meaningful.
   */
  #clockAheadMs(): number {
    return this.#isFresh ? this.#shortestMs : Math.min(this.#shortestMs, 0);
  }
}

function newestFirst(a: Session, b: Session): number {
  const difference = startMs(b) - startMs(a);
  // By id where they began together: the order is always the same.
  return difference === 0 ? (a.sessionId < b.sessionId ? 1 : -1) : difference;
}

function startMs(session: Session): number {
  return session.startTime === undefined ? 0 : timestampMs(session.startTime);
}

function storedMs(session: Session): number {
  return session.updateTime === undefined ? 0 : timestampMs(session.updateTime);
}

function events(session: Session): number {
  return Number(session.totals?.eventCount ?? 0n);
}

function lastSteps(steps: ReadonlyMap<number, number>, nowMs: number): number[] {
  const last = Math.floor(nowMs / ACTIVITY_STEP_MS);
  return Array.from({ length: ACTIVITY_STEPS }, (_, index) => steps.get(last - ACTIVITY_STEPS + 1 + index) ?? 0);
}
