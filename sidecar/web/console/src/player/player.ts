// The player: fetches chunks, keeps a stage in the frame, and chooses the moment to show. playerState.ts has the state
// and its transitions; this file has the timers and the effects.
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import { SessionStatus } from "@contract/recording/v1/enums_pb";
import { problem, problemOf, type Problem } from "../api/errors";
import { isNear, pauseAt, windowAt } from "./activity";
import { lengthMs, timeMs } from "./details";
import { FrameFeeder } from "./frameFeeder";
import { correction, LagMeter } from "./liveEdge";
import type { FrameLink } from "./PlayerFrame";
import {
  after,
  INITIAL,
  isFollowing,
  type Notice,
  type PlayerEvent,
  type PlayerState,
  type RowsState,
} from "./playerState";
import type { ChunkFacts, Report } from "./protocol";
import { SessionData } from "./sessionData";
import type { Feed, FeedEnd, Loader, SessionSource } from "./source";
import { without } from "./spans";

export interface PlayerOptions {
  source: SessionSource;
  /** Begins at the newest moment of a live session and keeps to it. */
  follow?: boolean;
  /** Only this part, as offsets from the session's start in milliseconds. */
  range?: { startMs?: number | undefined; endMs?: number | undefined };
  /** Offset into the session at which playing begins, in milliseconds. */
  beginAtMs?: number;
  autoPlay?: boolean;
}

/** Shortest interval at which new rows and activity are shown, in milliseconds. */
const GATHER_MS = 200;

/** Duration that must be loaded before playing resumes after waiting, in milliseconds. */
const ENOUGH_MS = 1_000;

/** Duration for which a notice is shown, in milliseconds. */
const NOTICE_MS = 4_000;

/** Name of each seek's measure in the browser's timeline: from the request to the picture; with the moment in it. */
export const SEEK_MEASURE = "afterimage:seek";

/** Name of the mark of each pause in the browser's timeline, with its moment. */
export const PAUSE_MARK = "afterimage:pause";

export class Player {
  readonly #options: PlayerOptions;
  readonly #feed: Feed;
  readonly #loader: Loader;
  readonly #stage = new FrameFeeder();
  readonly #lag = new LagMeter();
  #listeners: readonly (() => void)[] = [];
  #state: PlayerState = INITIAL;
  #data = new SessionData(0);
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #noticing: ReturnType<typeof setTimeout> | undefined;
  #frameSpeed = 1;
  #seekStart = 0;
  /** The moment that the frame was asked for last. */
  #stagedMs = 0;
  /** The moment that its viewer went to last: a pause around it is played. */
  #chosenMs: number | null = null;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#loader = options.source.loader({
      onDetails: (details) => {
        this.#takeDetails(details);
      },
      onInteractions: (isListed, interactions) => {
        this.#data.takeInteractions(isListed, interactions);
        this.#apply({ type: "actionsFound", actions: this.#data.actions });
        this.#recount();
      },
    });
    this.#feed = options.source.feed(() => this.#state.live !== null, {
      onHeader: () => {
        this.#gather();
      },
      onChunk: (chunk) => {
        this.#lag.arrived(chunk, Date.now(), this.#feed.isOver);
        this.#stage.arrived(chunk);
        this.#gather();
        this.#proceed();
        if (this.#state.live !== null && this.#feed.isOver) {
          this.#loader.refreshSoon();
        }
      },
      onLiveEdge: () => {
        this.#proceed();
      },
      onEnd: (end) => {
        this.#onEnd(end);
      },
      onConnection: (connection) => {
        this.#apply({ type: "connectionChanged", connection });
      },
      onProblem: (found) => {
        this.#fail(found);
      },
    });
  }

  /** Fetches and begins; call it once. */
  start(): void {
    this.#seekStart = performance.now();
    void this.#open();
  }

  /** Ends everything. */
  close(): void {
    this.#loader.close();
    this.#feed.close();
    clearTimeout(this.#gathering);
    clearTimeout(this.#noticing);
    this.#listeners = [];
  }

  /** Shows it in a frame, from now on. */
  attach(link: FrameLink): void {
    link.listen((report) => {
      this.#onReport(report);
    });
    this.#stage.attach(link);
    this.#apply({ type: "frameAttached" });
    this.#proceed();
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** Returns the amount of activity in each of `bins` equal parts of the visible span. */
  histogram(bins: number): number[] {
    return this.#data.histogram({ fromMs: this.#state.startMs, toMs: this.#state.endMs }, bins);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  };

  play(): void {
    this.#apply({ type: "playRequested" });
    const { phase, isAtEnd, isWaiting, wantedMs, startMs } = this.#state;
    if (phase !== "ready") {
      return;
    }
    if (isAtEnd) {
      this.seek(startMs);
    } else if (!isWaiting || wantedMs === null) {
      // A frame that has not shown its moment yet plays once it has.
      this.#stage.play();
    }
  }

  pause(): void {
    this.#apply({ type: "pauseRequested" });
    this.#resetFrameSpeed();
    this.#stage.pause();
  }

  toggle(): void {
    if (this.#state.isPlaying) {
      this.pause();
    } else {
      this.play();
    }
  }

  /** Shows a moment; missing chunks are fetched from there on. */
  seek(toMs: number): void {
    const { startMs, endMs } = this.#state;
    if (startMs === 0) {
      return;
    }
    this.#apply({ type: "followingLeft" });
    this.#resetFrameSpeed();
    const atMs = Math.min(Math.max(toMs, startMs), endMs);
    this.#chosenMs = atMs;
    this.#show(atMs);
  }

  seekBy(stepMs: number): void {
    this.seek((this.#state.wantedMs ?? this.#state.atMs) + stepMs);
  }

  setSpeed(speed: number): void {
    this.#apply({ type: "speedChosen", speed });
    this.#setFrameSpeed(speed);
  }

  /** Skips the pause that is played because its viewer went into it. */
  skipPause(): void {
    this.#chosenMs = null;
    const { quietUntilMs } = this.#state;
    if (quietUntilMs !== null) {
      this.#show(quietUntilMs);
    }
  }

  setSkipsPauses(skipsPauses: boolean): void {
    this.#chosenMs = null;
    this.#apply({ type: "skippingChosen", skipsPauses });
  }

  /** Shows a window only, or (null) the one in use at each moment. */
  chooseWindow(windowId: string | null): void {
    this.#apply({ type: "windowChosen", windowId });
    this.#show(this.#state.atMs);
  }

  /** Goes to the newest moment of a live session and keeps to it. */
  jumpToLive(): void {
    if (this.#state.live === null) {
      return;
    }
    this.#apply({ type: "followingBegun" });
    this.#setFrameSpeed(1);
    if (this.#feed.isOver) {
      this.#show(this.#feed.store.newestMs);
    } else {
      this.#apply({ type: "newestRequested" });
      this.#feed.begin("newest");
    }
  }

  reconnectNow(): void {
    this.#feed.reconnectNow();
  }

  async #open(): Promise<void> {
    try {
      await this.#loader.loadDetails();
    } catch (error) {
      this.#fail(problemOf(error));
      return;
    }
    if (this.#loader.isClosed) {
      return;
    }
    const { beginAtMs, follow, autoPlay } = this.#options;
    const { startMs, endMs } = this.#state;
    const atMs = Math.min(Math.max(startMs, this.#sessionStartMs + (beginAtMs ?? 0)), endMs);
    this.#chosenMs = beginAtMs === undefined ? null : atMs;
    const isLiveEdge = follow === true && this.#state.live !== null;
    this.#apply({ type: "opened", atMs, isPlaying: autoPlay ?? true, isFollowing: isLiveEdge });
    if (isLiveEdge) {
      this.#feed.begin("newest");
    } else {
      this.#feed.begin({ atMs: beginAtMs === undefined ? -Infinity : atMs });
    }
    try {
      const isComplete = await this.#loader.loadInteractions();
      this.#apply({ type: "interactionsSettled", as: isComplete ? "loaded" : "cut" });
      if (isComplete && this.#state.live === null) {
        this.#data.takeCounted([{ fromMs: this.#sessionStartMs, toMs: this.#state.endMs }]);
        this.#recount();
      }
    } catch {
      // The timeline then shows only the chunks' own data; the chunks' stream reports the problem.
      this.#apply({ type: "interactionsSettled", as: "failed" });
    }
    this.#loader.refreshWhile(() => this.#state.live !== null);
  }

  get #sessionStartMs(): number {
    return timeMs(this.#state.details?.session?.startTime);
  }

  #takeDetails(details: GetSessionResponse): void {
    const { session } = details;
    const firstMs = timeMs(session?.startTime);
    const { range } = this.#options;
    if (this.#state.details === null) {
      this.#data = new SessionData(firstMs);
    }
    this.#stage.takePages(details.pages);
    this.#apply({
      type: "detailsLoaded",
      details,
      startMs: firstMs + (range?.startMs ?? 0),
      lastMs: firstMs + Math.min(range?.endMs ?? Infinity, lengthMs(session?.duration)),
      isLive: session?.status === SessionStatus.LIVE && range?.endMs === undefined,
    });
    this.#recount();
  }

  /**
   * Shows a moment: in the stage if that covers it, in a new one if its chunks are loaded, else once they are received.
   */
  #show(toMs: number): void {
    const isLoaded = this.#feed.covers(toMs);
    this.#apply({ type: "momentRequested", toMs, newestMs: this.#feed.store.newestMs, isLoaded });
    this.#seekStart = performance.now();
    if (!isLoaded) {
      this.#stage.pause();
      this.#feed.begin({ atMs: toMs });
    }
    this.#proceed();
  }

  /** Shows the wanted moment, if it can be shown by now. */
  #proceed(): void {
    const { phase, problem: found, wantedMs, endMs, live, isPlaying } = this.#state;
    if (!this.#stage.isAttached || found !== null || phase === "failed") {
      return;
    }
    if (wantedMs === null) {
      this.#fill();
      return;
    }
    const atMs = Math.min(wantedMs, Math.max(endMs, this.#feed.store.newestMs));
    if (wantedMs === Infinity ? !this.#feed.isOver : !this.#feed.covers(atMs)) {
      return;
    }
    const windowId = this.#windowFor(atMs);
    if (windowId === null) {
      // The first picture of a session that has just begun is not available yet.
      if (this.#feed.isOver && live === null) {
        this.#apply({ type: "pictureMissing" });
      }
      return;
    }
    // An event at exactly the last moment belongs to it.
    const shownMs = atMs >= endMs && !isFollowing(this.#state) ? atMs + 1 : atMs;
    this.#stage.show(this.#feed.store, windowId, shownMs, isPlaying, this.#frameSpeed);
    this.#stagedMs = atMs;
    this.#apply({ type: "momentStaged", atMs, windowId });
    this.#feed.playhead(atMs);
  }

  #windowFor(atMs: number): string | null {
    const { chosenWindowId, segments, windowId } = this.#state;
    const shown = this.#feed.store.windowsAt(atMs);
    const wanted = chosenWindowId ?? windowAt(segments, atMs) ?? windowId;
    if (wanted !== null && shown.includes(wanted)) {
      return wanted;
    }
    return chosenWindowId === null ? (shown[0] ?? null) : null;
  }

  #onReport(report: Report): void {
    switch (report.type) {
      case "ready":
        break;
      case "shown":
        if (this.#stage.isCurrent(report.order) && this.#state.wantedMs === null) {
          const drawn = report.drawnMs - performance.timeOrigin;
          const end = Math.min(performance.now(), Math.max(this.#seekStart, drawn));
          performance.measure(SEEK_MEASURE, { start: this.#seekStart, end, detail: this.#stagedMs });
          this.#apply({ type: "momentShown", hasPicture: report.hasPicture });
          this.#checkEnd(report.atMs);
        }
        break;
      case "time":
        if (this.#stage.isCurrent(report.order) && this.#state.wantedMs === null) {
          this.#onMoved(report.atMs, report.hasPicture);
        }
        break;
      case "paused":
        if (this.#stage.isCurrent(report.order) && this.#state.wantedMs === null) {
          performance.mark(PAUSE_MARK, { detail: report.atMs });
          this.#apply({ type: "pausedAt", atMs: report.atMs, hasPicture: report.hasPicture });
        }
        break;
      case "size":
        this.#apply({ type: "viewportChanged", width: report.width, height: report.height });
        break;
      case "facts":
        this.#takeFacts(report.stage, report.facts);
        break;
      case "odd":
        if (this.#data.takeOdd([report.oddEvent])) {
          this.#gather();
        }
        break;
      case "missing":
        this.#apply({ type: "filesMissed", missing: report.missing });
        break;
      case "fault":
        if (report.fault === "no-snapshot") {
          this.#apply({ type: "pictureMissing" });
        } else {
          this.#raise({ kind: "unreadable" });
        }
        break;
    }
  }

  /** Decides the next step, about twenty times per second while it plays. */
  #onMoved(atMs: number, hasPicture: boolean): void {
    if (!this.#state.isPlaying) {
      return;
    }
    this.#apply({ type: "moved", atMs, lagMs: this.#lag.lagMs(atMs, Date.now()), hasPicture });
    if (!isFollowing(this.#state) && this.#checkEnd(atMs)) {
      return;
    }
    this.#feed.playhead(atMs);
    if (!this.#feed.covers(atMs)) {
      this.#apply({ type: "stalled" });
      this.#stage.pause();
      return;
    }
    const { skipsPauses, pauses, windowId, endMs } = this.#state;
    const pause = skipsPauses && !isFollowing(this.#state) ? pauseAt(pauses, atMs) : undefined;
    const isKept = pause !== undefined && this.#chosenMs !== null && isNear(pause, this.#chosenMs);
    this.#apply({ type: "pauseKept", untilMs: isKept ? pause.toMs : null });
    if (pause !== undefined && !isKept && pause.toMs - atMs > ENOUGH_MS) {
      this.#raise({ kind: "skipped", lengthMs: pause.toMs - atMs });
      this.#show(Math.min(pause.toMs, endMs));
      return;
    }
    const wanted = this.#windowFor(atMs);
    const isOtherWindow = wanted !== null && wanted !== windowId;
    if (isOtherWindow || this.#stage.isOutgrown(this.#feed.store, atMs)) {
      this.#show(atMs);
    } else {
      this.#fill();
    }
  }

  /** Gives the stage the chunks that have come, and resumes playing where it waited for them. */
  #fill(): void {
    const { atMs, isWaiting, isPlaying, endMs } = this.#state;
    this.#stage.fill(this.#feed.store, atMs);
    if (isFollowing(this.#state) && isPlaying) {
      const next = correction(this.#lag.placeMs(Date.now()), atMs);
      if (next.kind === "jump") {
        this.#show(next.toMs);
      } else {
        this.#setFrameSpeed(next.speed);
      }
    } else if (isWaiting && this.#feed.covers(Math.min(atMs + ENOUGH_MS, endMs))) {
      this.#apply({ type: "resumed" });
      if (isPlaying) {
        this.#stage.play();
      }
    }
  }

  /** Ends playing, or goes over to the live moments, where `atMs` is the end. Returns whether it is. */
  #checkEnd(atMs: number): boolean {
    const { endMs, live, phase, wantedMs, isPlaying } = this.#state;
    if (phase !== "ready" || isFollowing(this.#state) || atMs < endMs || wantedMs !== null) {
      return false;
    }
    if (live !== null) {
      // The end of the recorded part: from here on it is live.
      if (isPlaying) {
        this.jumpToLive();
      }
      return true;
    }
    this.#stage.pause();
    this.#apply({ type: "endReached" });
    return true;
  }

  #onEnd(end: FeedEnd): void {
    if (end === "deleted") {
      this.#stage.clear();
      this.#fail(
        problem("not-found", {
          title: "This session was deleted while you watched",
          advice: "It was deleted by a user, or its retention ended. Its data no longer exists.",
        }),
      );
      return;
    }
    if (end === "session-ended") {
      this.#apply({ type: "sessionEnded", newestMs: this.#feed.store.newestMs });
      this.#raise({ kind: "session-ended" });
      // The end completes findings, such as the last rage click. The picture stays valid without them.
      void this.#loader
        .loadDetails()
        .then(() => this.#loader.loadInteractions())
        .catch(() => undefined);
    }
    this.#gather();
    this.#extend();
    this.#proceed();
  }

  #takeFacts(stage: number, facts: ChunkFacts): void {
    if (this.#stage.learned(stage, facts)) {
      this.#data.takeFacts(facts);
      this.#gather();
    }
  }

  /** Shows new rows and activity soon, together. */
  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      const { oddEvents } = this.#data;
      if (oddEvents.length > this.#state.oddEvents.length) {
        this.#raise({ kind: "left-out", count: oddEvents.length });
      }
      this.#extend();
      this.#recount();
      const { actions, consoleRows, networkRows } = this.#data;
      this.#apply({ type: "actionsFound", actions });
      this.#apply({ type: "rowsRead", consoleRows, networkRows, oddEvents, state: this.#rowsState() });
    }, GATHER_MS);
  }

  #recount(): void {
    const { startMs, endMs, details } = this.#state;
    this.#data.takeRead(without(this.#feed.loaded(startMs, endMs), this.#stage.unknown()));
    const windows = (details?.windows ?? []).map((window) => ({
      windowId: window.windowId,
      fromMs: timeMs(window.startTime),
    }));
    this.#apply({
      type: "activityCounted",
      pauses: this.#data.pauses({ fromMs: startMs, toMs: endMs }),
      unknown: this.#data.unknown({ fromMs: startMs, toMs: endMs }),
      segments: this.#data.segments(windows),
    });
  }

  #rowsState(): RowsState {
    const { startMs, endMs, live } = this.#state;
    // Of a live session there is always a chunk on its way.
    if (this.#feed.isReading || (live === null && this.#stage.unknown().length > 0)) {
      return "reading";
    }
    return this.#data.isRead({ fromMs: startMs, toMs: live === null ? endMs : this.#feed.store.completeMs })
      ? "all"
      : "part";
  }

  /** A live session grows. */
  #extend(): void {
    const { startMs, endMs } = this.#state;
    const rangeEndMs = this.#options.range?.endMs;
    const lastMs = rangeEndMs === undefined ? Infinity : this.#sessionStartMs + rangeEndMs;
    this.#apply({
      type: "loaded",
      newestMs: Math.min(this.#feed.store.newestMs, lastMs),
      loaded: this.#feed.loaded(startMs, endMs),
    });
  }

  /** Plays at the chosen speed again, after following has changed it. */
  #resetFrameSpeed(): void {
    this.#setFrameSpeed(this.#state.speed);
  }

  #setFrameSpeed(speed: number): void {
    if (speed === this.#frameSpeed) {
      return;
    }
    this.#frameSpeed = speed;
    this.#stage.setSpeed(speed);
  }

  #raise(notice: Notice): void {
    clearTimeout(this.#noticing);
    this.#apply({ type: "noticeRaised", notice });
    this.#noticing = setTimeout(() => {
      this.#apply({ type: "noticeExpired" });
    }, NOTICE_MS);
  }

  #fail(found: Problem): void {
    if (this.#loader.isClosed || this.#state.problem !== null) {
      return;
    }
    this.#feed.close();
    if (found.mayRetry) {
      this.#stage.pause();
    } else {
      this.#stage.clear();
    }
    this.#apply({ type: "failed", problem: found });
  }

  #apply(event: PlayerEvent): void {
    const state = after(this.#state, event);
    if (state === this.#state) {
      return;
    }
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
