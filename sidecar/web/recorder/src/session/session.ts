// Session and window of this page, across reloads and tabs.
import type { KeyValueStore } from "../support/keyValueStore";

/** A session as stored for all tabs of the origin. */
export interface Session {
  /** UUIDv7 with the session's start as its time. */
  readonly id: string;
  readonly startMs: number;
  /** Time of the visitor's last action in any tab. */
  readonly activeMs: number;
  /** Whether it is in the sample: decided once, when the session begins. */
  readonly isSampled: boolean;
  /** Whether the installation ended its recording. */
  readonly isStopped: boolean;
  readonly actorId: string;
  /** Proof to the installation that its windows are the same visitor's; "": begun by a recorder that made none. */
  readonly secret: string;
}

/** Limits and sampling of sessions. */
export interface SessionRules {
  readonly idleMs: number;
  readonly maxMs: number;
  readonly sampleRate: number;
}

/** Sources of time, randomness and ids, which tests replace. */
export interface ClockAndIds {
  readonly now: () => number;
  readonly random: () => number;
  readonly newSessionId: (nowMs: number) => string;
  readonly newWindowId: () => string;
  readonly newSecret: () => string;
}

const SESSION = "session";
const WINDOW = "window";
/** Duration by which the clock may be behind the session's start: the installation refuses earlier events. */
const CLOCK_SLACK_MS = 3_600_000;
/** Shortest interval between writes of activity: a mouse move must not cost a disk write. */
const TOUCH_MS = 5_000;

interface KeptWindow {
  readonly id: string;
  /** Whether a page holds it now. A duplicated tab finds the original's window held, and takes a new one. */
  readonly isHeld: boolean;
}

/**
 * Tracks the ids of session and window.
 *
 * @param shared - Store of all tabs.
 * @param tab - Store of this tab, kept across reloads.
 * @param isFrame - Whether this page is in a frame: frames of one tab share its storage, so they store no window.
 */
export class SessionTracker {
  readonly #shared: KeyValueStore;
  readonly #tab: KeyValueStore;
  readonly #isFrame: boolean;
  readonly #rules: SessionRules;
  readonly #clockAndIds: ClockAndIds;
  #session: Session;
  #windowId: string;
  #writtenMs = 0;

  constructor(
    shared: KeyValueStore,
    tab: KeyValueStore,
    isFrame: boolean,
    rules: SessionRules,
    clockAndIds: ClockAndIds,
  ) {
    this.#shared = shared;
    this.#tab = tab;
    this.#isFrame = isFrame;
    this.#rules = rules;
    this.#clockAndIds = clockAndIds;
    const kept = this.#kept();
    this.#session = kept !== undefined && !this.#isOver(kept) ? kept : this.#begin("");
    this.#windowId = this.#takeWindow();
  }

  get session(): Session {
    return this.#session;
  }

  get windowId(): string {
    return this.#windowId;
  }

  /**
   * Whether the visitor has been idle for too long in all tabs, the session has reached its maximum duration, or the
   * clock was set to a time before it.
   */
  isOver(): boolean {
    const kept = this.#kept();
    if (kept?.id === this.#session.id) {
      this.#session = kept.activeMs > this.#session.activeMs ? this.#withSecret(kept) : this.#session;
    }
    return this.#isOver(this.#session);
  }

  /** Records user activity at the current time. */
  touch(): void {
    const nowMs = this.#clockAndIds.now();
    this.#session = { ...this.#session, activeMs: nowMs };
    if (nowMs - this.#writtenMs < TOUCH_MS) {
      return;
    }
    this.#change({});
  }

  /** Continues with the session that another tab has started meanwhile, or starts one. */
  renew(): Session {
    const kept = this.#kept();
    const other = kept !== undefined && kept.id !== this.#session.id && !this.#isOver(kept);
    this.#session = other ? kept : this.#begin(this.#session.actorId);
    return this.#session;
  }

  /** Sets the visitor's id. */
  identify(actorId: string): void {
    this.#change({ actorId });
  }

  /** Marks this session as stopped, for later pages as well. */
  stop(): void {
    this.#change({ isStopped: true });
  }

  /** Takes another window, as when another page turns out to record the current one. */
  changeWindow(): void {
    this.#windowId = this.#clockAndIds.newWindowId();
    this.hold();
  }

  /** Marks the window as held by this page. */
  hold(): void {
    this.#keepWindow(true);
  }

  /** Releases the window to the next page of this tab. */
  release(): void {
    this.#keepWindow(false);
    this.#change({});
  }

  /** Removes the window for the next page: it cannot know which chunks this page has sent. */
  abandon(): void {
    this.#tab.remove(WINDOW);
  }

  #isOver(session: Session): boolean {
    const nowMs = this.#clockAndIds.now();
    const ageMs = nowMs - session.startMs;
    return nowMs - session.activeMs >= this.#rules.idleMs || ageMs >= this.#rules.maxMs || ageMs < -CLOCK_SLACK_MS;
  }

  #begin(actorId: string): Session {
    const nowMs = this.#clockAndIds.now();
    this.#session = {
      id: this.#clockAndIds.newSessionId(nowMs),
      startMs: nowMs,
      activeMs: nowMs,
      isSampled: this.#clockAndIds.random() < this.#rules.sampleRate,
      isStopped: false,
      actorId,
      secret: this.#clockAndIds.newSecret(),
    };
    this.#write();
    return this.#session;
  }

  /** Changes the session for all tabs, and adopts their changes; a later session in the store stays unchanged. */
  #change(change: Partial<Session>): void {
    const kept = this.#kept();
    if (kept?.id !== this.#session.id) {
      this.#session = { ...this.#session, ...change };
      return;
    }
    const activeMs = Math.max(kept.activeMs, this.#session.activeMs);
    this.#session = { ...this.#withSecret(kept), activeMs, ...change };
    this.#write();
  }

  /** Returns this session as stored, with its secret: a tab with an older recorder stores it without one. */
  #withSecret(kept: Session): Session {
    return kept.secret === "" ? { ...kept, secret: this.#session.secret } : kept;
  }

  #write(): void {
    this.#writtenMs = this.#clockAndIds.now();
    this.#shared.set(SESSION, this.#session);
  }

  #kept(): Session | undefined {
    const kept = this.#shared.get(SESSION) as Partial<Session> | undefined;
    const isWhole =
      typeof kept?.id === "string" && typeof kept.startMs === "number" && typeof kept.activeMs === "number";
    if (!isWhole) {
      return undefined;
    }
    return {
      id: kept.id ?? "",
      startMs: kept.startMs ?? 0,
      activeMs: kept.activeMs ?? 0,
      isSampled: kept.isSampled !== false,
      isStopped: kept.isStopped === true,
      actorId: typeof kept.actorId === "string" ? kept.actorId : "",
      secret: typeof kept.secret === "string" ? kept.secret : "",
    };
  }

  #takeWindow(): string {
    const kept = this.#isFrame ? undefined : (this.#tab.get(WINDOW) as Partial<KeptWindow> | undefined);
    const isFree = typeof kept?.id === "string" && kept.isHeld === false;
    this.#windowId = isFree ? (kept.id ?? "") : this.#clockAndIds.newWindowId();
    this.#keepWindow(true);
    return this.#windowId;
  }

  #keepWindow(isHeld: boolean): void {
    if (!this.#isFrame) {
      this.#tab.set(WINDOW, { id: this.#windowId, isHeld } satisfies KeptWindow);
    }
  }
}
