// The player without its looks: brings chunks, keeps a stage in the frame, and decides at each moment what is shown.
import { SessionStatus } from "@contract/recording/v1/enums_pb";
import type { Api } from "../api/api";
import { type Problem, problem, problemOf } from "../api/errors";
import { pauseAt, windowAt } from "./activity";
import { fetchDetails, fetchInteractions, lengthMs, timeMs } from "./details";
import { FrameFeeder } from "./frameFeeder";
import { correction, LagMeter } from "./liveEdge";
import type { FrameLink } from "./PlayerFrame";
import { INITIAL, type PlayerState } from "./playerState";
import type { ChunkFacts, Report } from "./protocol";
import { type FeedEnd, ReplayFeed } from "./replayFeed";
import { SessionData } from "./sessionData";

export interface PlayerOptions {
  sessionId: string;
  api: Api;
  /** Begins at the newest moment of a live session and keeps to it. */
  follow?: boolean;
  /** Only this part, as offsets from the session's start in milliseconds. */
  range?: { startMs?: number | undefined; endMs?: number | undefined };
  /** Begins so far into the session, in milliseconds. */
  beginAtMs?: number;
  autoPlay?: boolean;
}

/** How often a live session's totals and marks are fetched anew, in milliseconds. */
const REFRESH_MS = 10_000;

/** How often new rows and activity are shown at most, in milliseconds. */
const GATHER_MS = 200;

/** Playing goes on after waiting when so much is loaded, in milliseconds. */
const ENOUGH_MS = 1_000;

/** Name under which the browser's timeline has each seek: from the wish to the picture. */
export const SEEK_MEASURE = "afterimage:seek";

export class Player {
  readonly #options: PlayerOptions;
  readonly #feed: ReplayFeed;
  readonly #stage = new FrameFeeder();
  readonly #abort = new AbortController();
  readonly #lag = new LagMeter();
  #listeners: readonly (() => void)[] = [];
  #state: PlayerState = INITIAL;
  #data = new SessionData(0);
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #refreshing: ReturnType<typeof setTimeout> | undefined;
  #noticing: ReturnType<typeof setTimeout> | undefined;
  /** A moment that is to be shown as soon as its chunks are there. */
  #wantedMs: number | null = null;
  #frameSpeed = 1;
  #seekStart = 0;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#feed = new ReplayFeed({
      sessionId: options.sessionId,
      credentials: options.api.credentials,
      isLive: () => this.#state.live !== null,
      events: {
        onHeader: () => {
          this.#gather();
        },
        onChunk: (chunk) => {
          this.#lag.arrived(chunk, Date.now(), this.#feed.isOver);
          this.#stage.arrived(chunk);
          this.#gather();
          this.#proceed();
        },
        onLiveEdge: () => {
          this.#proceed();
        },
        onEnd: (end) => {
          this.#ended(end);
        },
        onConnection: (connection) => {
          this.#set({ connection });
        },
        onProblem: (found) => {
          this.#fail(found);
        },
      },
    });
  }

  /** Fetches and begins; call it once. */
  start(): void {
    this.#seekStart = performance.now();
    void this.#load();
  }

  /** Ends everything. */
  close(): void {
    this.#abort.abort();
    this.#feed.close();
    clearTimeout(this.#gathering);
    clearTimeout(this.#refreshing);
    clearTimeout(this.#noticing);
    this.#listeners = [];
  }

  /** Shows it in a frame, from now on. */
  attach(link: FrameLink): void {
    link.listen((report) => {
      this.#heard(report);
    });
    this.#stage.attach(link);
    if (this.#state.phase === "ready") {
      this.#wantedMs = this.#state.atMs;
    }
    this.#proceed();
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** How much happened in each of `bins` parts of what can be shown. */
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
    if (this.#state.phase !== "ready") {
      return;
    }
    if (this.#state.isAtEnd) {
      this.#set({ isPlaying: true });
      this.seek(this.#state.startMs);
      return;
    }
    this.#set({ isPlaying: true });
    if (!this.#state.isWaiting) {
      this.#stage.play();
    }
  }

  pause(): void {
    this.#set({ isPlaying: false });
    this.#leaveLive();
    this.#stage.pause();
  }

  toggle(): void {
    if (this.#state.isPlaying) {
      this.pause();
    } else {
      this.play();
    }
  }

  /** Shows a moment; what is not loaded is fetched from there on. */
  seek(toMs: number): void {
    if (this.#state.startMs === 0) {
      return;
    }
    this.#leaveLive();
    this.#show(Math.min(Math.max(toMs, this.#state.startMs), this.#state.endMs));
  }

  seekBy(stepMs: number): void {
    this.seek((this.#wantedMs ?? this.#state.atMs) + stepMs);
  }

  setSpeed(speed: number): void {
    this.#leaveLive();
    this.#set({ speed });
    this.#setFrameSpeed(speed);
  }

  setSkipsPauses(skipsPauses: boolean): void {
    this.#set({ skipsPauses });
  }

  /** Shows a window only, or (null) the one in use at each moment. */
  chooseWindow(chosenWindowId: string | null): void {
    this.#set({ chosenWindowId });
    this.#show(this.#state.atMs);
  }

  /** Goes to the newest moment of a live session and keeps to it. */
  jumpToLive(): void {
    if (this.#state.live === null) {
      return;
    }
    this.#set({ live: { ...this.#state.live, isFollowing: true }, isPlaying: true, speed: 1, isAtEnd: false });
    this.#setFrameSpeed(1);
    if (this.#feed.isOver) {
      this.#show(this.#feed.store.newestMs);
    } else {
      this.#wantedMs = Infinity;
      this.#set({ isWaiting: true });
      this.#feed.begin("newest");
    }
  }

  reconnectNow(): void {
    this.#feed.reconnectNow();
  }

  async #load(): Promise<void> {
    try {
      await this.#fetchDetails();
    } catch (error) {
      this.#fail(problemOf(error));
      return;
    }
    if (this.#abort.signal.aborted) {
      return;
    }
    const { live, startMs } = this.#state;
    const isFollowing = this.#options.follow === true && live !== null;
    this.#set({
      isPlaying: this.#options.autoPlay ?? true,
      live: live === null ? null : { ...live, isFollowing },
    });
    if (isFollowing) {
      this.#wantedMs = Infinity;
      this.#feed.begin("newest");
    } else {
      this.#wantedMs = Math.max(startMs, this.#sessionStartMs + (this.#options.beginAtMs ?? 0));
      this.#set({ atMs: this.#wantedMs });
      this.#feed.begin({ atMs: this.#options.beginAtMs === undefined ? -Infinity : this.#wantedMs });
    }
    try {
      await this.#fetchInteractions();
    } catch {
      // The timeline then shows only what the chunks themselves say; the chunks' stream reports what is wrong.
    }
    this.#refreshLater();
  }

  get #sessionStartMs(): number {
    return timeMs(this.#state.details?.session?.startTime);
  }

  async #fetchDetails(): Promise<void> {
    const details = await fetchDetails(this.#options.api, this.#options.sessionId, this.#abort.signal);
    const session = details.session;
    const firstMs = timeMs(session?.startTime);
    const { range } = this.#options;
    const startMs = firstMs + (range?.startMs ?? 0);
    const lastMs = firstMs + Math.min(range?.endMs ?? Infinity, lengthMs(session?.duration));
    if (this.#state.details === null) {
      this.#data = new SessionData(firstMs);
    }
    const isLive = session?.status === SessionStatus.LIVE && range?.endMs === undefined;
    this.#set({
      details,
      startMs,
      endMs: Math.max(startMs, lastMs, isLive ? this.#state.endMs : 0),
      live: isLive ? (this.#state.live ?? { isFollowing: false, lagMs: null }) : this.#state.live,
    });
    this.#recount();
  }

  async #fetchInteractions(): Promise<void> {
    const { api, sessionId } = this.#options;
    for await (const { isListed, interactions } of fetchInteractions(api, sessionId, this.#abort.signal)) {
      this.#data.takeInteractions(isListed, interactions);
      this.#set({ interactions: this.#data.interactions });
      this.#recount();
    }
  }

  #refreshLater(): void {
    if (this.#state.live === null || this.#abort.signal.aborted) {
      return;
    }
    this.#refreshing = setTimeout(() => {
      this.#fetchDetails()
        .then(() => this.#fetchInteractions())
        .catch(() => undefined) // the stream tells of what does not pass by itself
        .finally(() => {
          this.#refreshLater();
        });
    }, REFRESH_MS);
  }

  /** Shows a moment: in the stage if it holds it, in a new one if its chunks are there, else when they have come. */
  #show(toMs: number): void {
    this.#wantedMs = toMs;
    this.#set({ atMs: Math.min(toMs, Math.max(this.#state.endMs, this.#feed.store.newestMs)), isAtEnd: false });
    this.#seekStart = performance.now();
    if (!this.#feed.covers(toMs)) {
      this.#set({ isWaiting: true });
      this.#stage.pause();
      this.#feed.begin({ atMs: toMs });
    }
    this.#proceed();
  }

  /** Shows what is waited for, if it can be shown by now. */
  #proceed(): void {
    const { phase, problem: found } = this.#state;
    if (!this.#stage.isAttached || found !== null || phase === "failed") {
      return;
    }
    if (this.#wantedMs === null) {
      this.#fill();
      return;
    }
    const newestMs = this.#feed.store.newestMs;
    const atMs = Math.min(this.#wantedMs, Math.max(this.#state.endMs, newestMs));
    if (this.#wantedMs === Infinity ? !this.#feed.isOver : !this.#feed.covers(atMs)) {
      return;
    }
    const windowId = this.#windowFor(atMs);
    if (windowId === null) {
      // The first picture of a session that has just begun is still on its way.
      if (this.#feed.isOver && this.#state.live === null) {
        this.#set({ phase: "empty", isWaiting: false, isPlaying: false });
      }
      return;
    }
    this.#wantedMs = null;
    // What is at exactly the last moment belongs to it.
    const shownMs = atMs >= this.#state.endMs && !this.#isFollowing ? atMs + 1 : atMs;
    this.#stage.show(this.#feed.store, windowId, shownMs, this.#state.isPlaying, this.#frameSpeed);
    this.#set({ phase: "ready", atMs, windowId });
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

  #heard(report: Report): void {
    switch (report.type) {
      case "ready":
        break;
      case "shown":
        if (!this.#stage.isCurrent(report.order)) {
          break;
        }
        if (this.#wantedMs !== null) {
          break;
        }
        performance.measure(SEEK_MEASURE, { start: this.#seekStart });
        this.#set({ isWaiting: false });
        this.#checkEnd(report.atMs);
        break;
      case "time":
        if (this.#stage.isCurrent(report.order) && this.#wantedMs === null) {
          this.#moved(report.atMs);
        }
        break;
      case "size":
        this.#set({ viewport: { width: report.width, height: report.height } });
        break;
      case "facts":
        this.#learn(report.stage, report.facts);
        break;
      case "fault":
        if (report.fault === "no-snapshot") {
          this.#set({ phase: "empty", isWaiting: false, isPlaying: false });
        } else {
          this.#notice({ kind: "unreadable" });
        }
        break;
    }
  }

  /** Decides what comes next, some twenty times a second while it plays. */
  #moved(atMs: number): void {
    const { skipsPauses, pauses, live, windowId } = this.#state;
    if (!this.#state.isPlaying) {
      return;
    }
    this.#set({ atMs: this.#isFollowing ? atMs : Math.min(atMs, this.#state.endMs) });
    if (live?.isFollowing === true) {
      this.#set({ endMs: Math.max(this.#state.endMs, atMs) });
      this.#set({ live: { ...live, lagMs: this.#lag.lagMs(atMs, Date.now()) } });
    } else if (this.#checkEnd(atMs)) {
      return;
    }
    this.#feed.playhead(atMs);
    if (!this.#feed.covers(atMs)) {
      this.#set({ isWaiting: true });
      this.#stage.pause();
      return;
    }
    const pause = skipsPauses && !this.#isFollowing ? pauseAt(pauses, atMs) : undefined;
    if (pause !== undefined && pause.toMs - atMs > ENOUGH_MS) {
      this.#notice({ kind: "skipped", lengthMs: pause.toMs - atMs });
      this.#show(Math.min(pause.toMs, this.#state.endMs));
      return;
    }
    const wanted = this.#windowFor(atMs);
    if (wanted !== null && wanted !== windowId) {
      this.#show(atMs);
    } else if (this.#stage.isOutgrown(this.#feed.store, atMs)) {
      this.#show(atMs);
    } else {
      this.#fill();
    }
  }

  /** Gives the stage what has come, and plays on where it waited. */
  #fill(): void {
    const { atMs, isWaiting, isPlaying, live } = this.#state;
    this.#stage.fill(this.#feed.store, atMs);
    if (this.#isFollowing && live !== null && isPlaying) {
      const next = correction(this.#lag.placeMs(Date.now()), atMs);
      if (next.kind === "jump") {
        this.#show(next.toMs);
      } else {
        this.#setFrameSpeed(next.speed);
      }
    } else if (isWaiting && this.#feed.covers(Math.min(atMs + ENOUGH_MS, this.#state.endMs))) {
      this.#set({ isWaiting: false });
      if (isPlaying) {
        this.#stage.play();
      }
    }
  }

  #checkEnd(atMs: number): boolean {
    const { endMs, live, phase } = this.#state;
    if (phase !== "ready" || this.#isFollowing || atMs < endMs || this.#wantedMs !== null) {
      return false;
    }
    if (live !== null) {
      // The end of what is recorded so far: from here on it is live.
      if (this.#state.isPlaying) {
        this.jumpToLive();
      }
      return true;
    }
    this.#stage.pause();
    this.#set({ atMs: endMs, isPlaying: false, isAtEnd: true });
    return true;
  }

  #ended(end: FeedEnd): void {
    if (end === "deleted") {
      this.#stage.clear();
      this.#fail(
        problem("not-found", {
          title: "This session was deleted while you watched",
          advice: "Somebody deleted it, or its retention ended. Nothing of it is left to show.",
        }),
      );
      return;
    }
    if (end === "session-ended") {
      this.#set({ live: null, endMs: Math.max(this.#feed.store.newestMs, this.#state.startMs) });
      this.#notice({ kind: "session-ended" });
      void this.#fetchDetails().catch(() => undefined); // what is shown stays as good as it was
    }
    this.#extend();
    this.#proceed();
  }

  #learn(stage: number, facts: ChunkFacts): void {
    if (!this.#stage.learned(stage, facts)) {
      return;
    }
    this.#data.takeFacts(facts);
    this.#gather();
  }

  /** Shows new rows and activity soon, together. */
  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#set({ consoleRows: this.#data.consoleRows, networkRows: this.#data.networkRows });
      this.#extend();
      this.#recount();
    }, GATHER_MS);
  }

  #recount(): void {
    const { startMs, endMs, details } = this.#state;
    const windows = (details?.windows ?? []).map((window) => ({
      windowId: window.windowId,
      fromMs: timeMs(window.startTime),
    }));
    this.#set({
      activityVersion: this.#state.activityVersion + 1,
      pauses: this.#data.pauses({ fromMs: startMs, toMs: endMs }),
      segments: this.#data.segments(windows),
    });
  }

  /** A live session grows. */
  #extend(): void {
    const { store } = this.#feed;
    const rangeEndMs = this.#options.range?.endMs;
    const lastMs = rangeEndMs === undefined ? Infinity : this.#sessionStartMs + rangeEndMs;
    this.#set({
      endMs: Math.max(this.#state.endMs, Math.min(store.newestMs, lastMs)),
      loaded: this.#feed.loaded(this.#state.startMs, this.#state.endMs),
    });
  }

  get #isFollowing(): boolean {
    return this.#state.live?.isFollowing === true;
  }

  #leaveLive(): void {
    const { live } = this.#state;
    if (live?.isFollowing !== true) {
      return;
    }
    this.#set({ live: { ...live, isFollowing: false } });
    this.#setFrameSpeed(this.#state.speed);
  }

  #setFrameSpeed(speed: number): void {
    if (speed === this.#frameSpeed) {
      return;
    }
    this.#frameSpeed = speed;
    this.#stage.setSpeed(speed);
  }

  #notice(notice: PlayerState["notice"]): void {
    clearTimeout(this.#noticing);
    this.#set({ notice });
    this.#noticing = setTimeout(() => {
      this.#set({ notice: null });
    }, 4_000);
  }

  #fail(found: Problem): void {
    if (this.#abort.signal.aborted || this.#state.problem !== null) {
      return;
    }
    this.#feed.close();
    if (found.mayRetry) {
      this.#stage.pause();
    } else {
      this.#stage.clear();
    }
    this.#set({
      problem: found,
      // What is loaded may still be looked at while the server is away, but not by who may not see it any more.
      phase: this.#state.phase === "ready" && found.mayRetry ? "ready" : "failed",
      isPlaying: false,
      isWaiting: false,
      live: null,
    });
  }

  #set(change: Partial<PlayerState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
