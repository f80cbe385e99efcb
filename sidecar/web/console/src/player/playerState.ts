// The player's state, and its transitions. Pure: timers, streams and the frame are in player.ts.
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import type { Problem } from "../api/errors";
import type { StreamState } from "../sockets/stream";
import type { Action } from "./actions";
import type { WindowSegment } from "./activity";
import type { ConsoleRow, MissingFiles, NetworkRow, OddEvent } from "./protocol";
import type { Span } from "./spans";

/** A message shown over the picture for a few seconds. */
export type Notice =
  | { kind: "skipped"; lengthMs: number }
  /** A part of the recording cannot be shown. */
  | { kind: "unreadable" }
  /** Events are left out of the picture; `count`: all of them until now. */
  | { kind: "left-out"; count: number }
  /** The session was live and has ended. */
  | { kind: "session-ended" };

/** State of following a session that is still recorded. */
export interface LiveState {
  /** Whether playing keeps to the newest moment. */
  isFollowing: boolean;
  /** Delay of the picture behind the visitor, in milliseconds; null: not known yet. */
  lagMs: number | null;
}

/** `empty`: the recording holds no picture. `failed`: a problem ended the player. */
export type Phase = "loading" | "ready" | "empty" | "failed";

/** `cut`: there are more than are fetched. */
export type InteractionsState = "loading" | "loaded" | "cut" | "failed";

/** `reading`: more rows may come. `part`: the rest of the session is read when its viewer goes there. */
export type RowsState = "reading" | "part" | "all";

export interface PlayerState {
  phase: Phase;
  problem: Problem | null;
  details: GetSessionResponse | null;
  /** Actions listed in the panel, in the order of time. */
  actions: readonly Action[];
  /** Number of failed requests among them. */
  listedRequests: number;
  /** Whether all interactions are among them. */
  interactionsState: InteractionsState;
  consoleRows: readonly ConsoleRow[];
  networkRows: readonly NetworkRow[];
  /** Events that are left out of the picture, in the order of time. */
  oddEvents: readonly OddEvent[];
  /** Which part of the session the rows are from. */
  rowsState: RowsState;
  /** Counts up with each new activity: the histogram and the pauses are to be drawn anew. */
  activityVersion: number;
  pauses: readonly Span[];
  /** Parts of the session in which the activity is not known yet. */
  unknown: readonly Span[];
  segments: readonly WindowSegment[];
  /** First and last moment that can be shown, in milliseconds since 1970 UTC. */
  startMs: number;
  endMs: number;
  /** Part of the session that is loaded. */
  loaded: Span;
  atMs: number;
  /** A moment to be shown as soon as its chunks are loaded; Infinity: the newest one; null: `atMs` is shown. */
  wantedMs: number | null;
  isPlaying: boolean;
  /** Playing, or a picture, waits for chunks. */
  isWaiting: boolean;
  isAtEnd: boolean;
  speed: number;
  skipsPauses: boolean;
  /** End of the pause that is played although pauses are skipped, as its viewer went into it; null: none is. */
  quietUntilMs: number | null;
  /** Whether the page had sent a picture by the moment that is shown. */
  hasPicture: boolean;
  /** The window that is shown. */
  windowId: string | null;
  /** The window that was chosen; null: the one in use at each moment. */
  chosenWindowId: string | null;
  /** Null: the session is no longer recorded. */
  live: LiveState | null;
  connection: StreamState | null;
  notice: Notice | null;
  /** Files that are missing in the picture; null: none is known to be. */
  missing: MissingFiles | null;
  /** The visitor's viewport in CSS pixels. */
  viewport: { width: number; height: number } | null;
}

/** Events of a player: a command of its viewer, a response of the server, a report of the frame. */
export type PlayerEvent =
  /** Details have been fetched, for the first time or again. `lastMs`: the latest moment that they allow to show. */
  | { type: "detailsLoaded"; details: GetSessionResponse; startMs: number; lastMs: number; isLive: boolean }
  /** The first details are there: the moment to begin at is chosen. */
  | { type: "opened"; atMs: number; isPlaying: boolean; isFollowing: boolean }
  | { type: "actionsFound"; actions: readonly Action[] }
  /** All interactions that are fetched have come, or they cannot be. */
  | { type: "interactionsSettled"; as: InteractionsState }
  | {
      type: "activityCounted";
      pauses: readonly Span[];
      unknown: readonly Span[];
      segments: readonly WindowSegment[];
    }
  | {
      type: "rowsRead";
      consoleRows: readonly ConsoleRow[];
      networkRows: readonly NetworkRow[];
      oddEvents: readonly OddEvent[];
      state: RowsState;
    }
  /** Chunks have been loaded; `newestMs`: the latest moment in them that may be shown. */
  | { type: "loaded"; newestMs: number; loaded: Span }
  | { type: "connectionChanged"; connection: StreamState }
  | { type: "frameAttached" }
  | { type: "viewportChanged"; width: number; height: number }
  | { type: "playRequested" }
  | { type: "pauseRequested" }
  | { type: "speedChosen"; speed: number }
  | { type: "skippingChosen"; skipsPauses: boolean }
  | { type: "windowChosen"; windowId: string | null }
  /** The playhead no longer keeps to the newest moment. */
  | { type: "followingLeft" }
  /** The playhead goes to the newest moment and keeps to it. */
  | { type: "followingBegun" }
  /** The newest moment is wanted, and its chunks are yet to come. */
  | { type: "newestRequested" }
  /** A moment is wanted; `newestMs`: the latest loaded moment; `isLoaded`: its chunks are there. */
  | { type: "momentRequested"; toMs: number; newestMs: number; isLoaded: boolean }
  /** The frame has been given the wanted moment. */
  | { type: "momentStaged"; atMs: number; windowId: string }
  /** The frame shows the wanted moment. */
  | { type: "momentShown"; hasPicture: boolean }
  /** Playing has reached `atMs`. `lagMs`: delay behind the visitor where the newest moment is followed. */
  | { type: "moved"; atMs: number; lagMs: number | null; hasPicture: boolean }
  /** The picture stands at this moment, after a pause was requested. */
  | { type: "pausedAt"; atMs: number; hasPicture: boolean }
  /** Playing is in a pause that is not skipped, up to a moment; null: it is not. */
  | { type: "pauseKept"; untilMs: number | null }
  /** Chunks at the playhead are missing. */
  | { type: "stalled" }
  | { type: "resumed" }
  | { type: "endReached" }
  /** A live session has ended; `newestMs`: its last moment. */
  | { type: "sessionEnded"; newestMs: number }
  /** There is no full snapshot to begin with. */
  | { type: "pictureMissing" }
  | { type: "filesMissed"; missing: MissingFiles }
  | { type: "noticeRaised"; notice: Notice }
  | { type: "noticeExpired" }
  | { type: "failed"; problem: Problem };

export const SPEEDS = [0.5, 1, 2, 4, 8, 16] as const;

export const INITIAL: PlayerState = {
  phase: "loading",
  problem: null,
  details: null,
  actions: [],
  listedRequests: 0,
  interactionsState: "loading",
  consoleRows: [],
  networkRows: [],
  oddEvents: [],
  rowsState: "reading",
  activityVersion: 0,
  pauses: [],
  unknown: [],
  segments: [],
  startMs: 0,
  endMs: 0,
  loaded: { fromMs: 0, toMs: 0 },
  atMs: 0,
  wantedMs: null,
  isPlaying: false,
  isWaiting: true,
  isAtEnd: false,
  speed: 1,
  skipsPauses: true,
  quietUntilMs: null,
  hasPicture: true,
  windowId: null,
  chosenWindowId: null,
  live: null,
  connection: null,
  notice: null,
  missing: null,
  viewport: null,
};

/** Phases that may follow each phase. A live session without a picture gets one when its page sends a snapshot. */
export const NEXT_PHASES: Readonly<Record<Phase, readonly Phase[]>> = {
  loading: ["ready", "empty", "failed"],
  ready: ["ready", "empty", "failed"],
  empty: ["ready", "empty", "failed"],
  failed: [],
};

/** Whether playing keeps to the newest moment. */
export function isFollowing(state: PlayerState): boolean {
  return state.live?.isFollowing === true;
}

/** Whether failed requests may be missing among the actions: those that were not stored are found in the chunks. */
export function mayMissRequests({ rowsState, details, listedRequests }: PlayerState): boolean {
  return rowsState === "part" && (details?.session?.totals?.failedRequestCount ?? 0n) > BigInt(listedRequests);
}

/** Returns the state after an event; the same value where the event changes nothing. */
export function after(state: PlayerState, event: PlayerEvent): PlayerState {
  switch (event.type) {
    case "detailsLoaded": {
      const { details, startMs, lastMs, isLive } = event;
      return {
        ...state,
        details,
        startMs,
        endMs: Math.max(startMs, lastMs, isLive ? state.endMs : 0),
        live: isLive ? (state.live ?? { isFollowing: false, lagMs: null }) : state.live,
      };
    }
    case "opened":
      return event.isFollowing
        ? { ...following(state, true), isPlaying: event.isPlaying, wantedMs: Infinity }
        : { ...following(state, false), isPlaying: event.isPlaying, wantedMs: event.atMs, atMs: event.atMs };
    case "actionsFound":
      return event.actions === state.actions
        ? state
        : { ...state, actions: event.actions, listedRequests: requestsIn(event.actions) };
    case "interactionsSettled":
      return { ...state, interactionsState: event.as };
    case "activityCounted":
      return {
        ...state,
        activityVersion: state.activityVersion + 1,
        pauses: event.pauses,
        unknown: event.unknown,
        segments: event.segments,
      };
    case "rowsRead":
      return {
        ...state,
        consoleRows: event.consoleRows,
        networkRows: event.networkRows,
        oddEvents: event.oddEvents,
        rowsState: event.state,
      };
    case "loaded":
      return { ...state, endMs: Math.max(state.endMs, event.newestMs), loaded: event.loaded };
    case "connectionChanged":
      return { ...state, connection: event.connection };
    case "frameAttached":
      // A new frame is blank: the current moment has to be shown again.
      return state.phase === "ready" ? { ...state, wantedMs: state.atMs } : state;
    case "viewportChanged":
      return { ...state, viewport: { width: event.width, height: event.height } };
    case "playRequested":
      return state.phase === "ready" ? { ...state, isPlaying: true } : state;
    case "pauseRequested":
      return { ...following(state, false), isPlaying: false };
    case "speedChosen":
      return { ...following(state, false), speed: event.speed };
    case "skippingChosen":
      return { ...state, skipsPauses: event.skipsPauses };
    case "windowChosen":
      return { ...state, chosenWindowId: event.windowId };
    case "followingLeft":
      return following(state, false);
    case "followingBegun":
      return state.live === null ? state : { ...following(state, true), isPlaying: true, speed: 1, isAtEnd: false };
    case "newestRequested":
      return { ...state, wantedMs: Infinity, isWaiting: true };
    case "momentRequested":
      return {
        ...state,
        wantedMs: event.toMs,
        atMs: Math.min(event.toMs, Math.max(state.endMs, event.newestMs)),
        isAtEnd: false,
        quietUntilMs: null,
        isWaiting: state.isWaiting || !event.isLoaded,
      };
    case "momentStaged":
      return entered(state, "ready", { wantedMs: null, atMs: event.atMs, windowId: event.windowId });
    case "momentShown":
      return { ...state, isWaiting: false, hasPicture: event.hasPicture };
    case "moved":
      return moved(state, event);
    case "pausedAt": {
      const { atMs, hasPicture } = event;
      return state.isPlaying || state.isAtEnd ? state : { ...state, hasPicture, atMs: Math.min(atMs, state.endMs) };
    }
    case "pauseKept":
      return state.quietUntilMs === event.untilMs ? state : { ...state, quietUntilMs: event.untilMs };
    case "stalled":
      return { ...state, isWaiting: true };
    case "resumed":
      return { ...state, isWaiting: false };
    case "endReached":
      return { ...state, atMs: state.endMs, isPlaying: false, isAtEnd: true };
    case "sessionEnded":
      return { ...state, live: null, endMs: Math.max(event.newestMs, state.startMs) };
    case "pictureMissing":
      return entered(state, "empty", { isWaiting: false, isPlaying: false });
    case "filesMissed":
      return { ...state, missing: event.missing };
    case "noticeRaised":
      return { ...state, notice: event.notice };
    case "noticeExpired":
      return state.notice === null ? state : { ...state, notice: null };
    case "failed":
      return failed(state, event.problem);
  }
}

/** Returns the state in another phase; unchanged where that phase cannot follow. */
function entered(state: PlayerState, phase: Phase, change: Partial<PlayerState>): PlayerState {
  return NEXT_PHASES[state.phase].includes(phase) ? { ...state, ...change, phase } : state;
}

function following(state: PlayerState, wanted: boolean): PlayerState {
  const { live } = state;
  return live === null || live.isFollowing === wanted ? state : { ...state, live: { ...live, isFollowing: wanted } };
}

function moved(
  state: PlayerState,
  { atMs, lagMs, hasPicture }: { atMs: number; lagMs: number | null; hasPicture: boolean },
): PlayerState {
  if (!state.isPlaying) {
    return state;
  }
  if (state.live?.isFollowing !== true) {
    return { ...state, hasPicture, atMs: Math.min(atMs, state.endMs) };
  }
  return { ...state, hasPicture, atMs, endMs: Math.max(state.endMs, atMs), live: { isFollowing: true, lagMs } };
}

/** The first problem stays. Loaded parts stay visible after a temporary problem, but not without access. */
function failed(state: PlayerState, problem: Problem): PlayerState {
  if (state.problem !== null) {
    return state;
  }
  const phase = state.phase === "ready" && problem.mayRetry ? "ready" : "failed";
  return entered(state, phase, { problem, isPlaying: false, isWaiting: false, live: null });
}

function requestsIn(actions: readonly Action[]): number {
  return actions.reduce((count, action) => (action.kind === "request" ? count + action.count : count), 0);
}
