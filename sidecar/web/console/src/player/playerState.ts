// What the player shows: one immutable value, replaced whenever something changes.
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import type { Problem } from "../api/errors";
import type { StreamState } from "../sockets/stream";
import type { Span, WindowSegment } from "./activity";
import type { ConsoleRow, NetworkRow } from "./protocol";

/** What is shown instead of a picture, or beside it. */
export type Notice =
  | { kind: "skipped"; lengthMs: number }
  /** A part of the recording cannot be shown. */
  | { kind: "unreadable" }
  /** The session was live and has ended. */
  | { kind: "session-ended" };

/** How a session that is still recorded is followed. */
export interface LiveState {
  /** Whether playing keeps to the newest moment. */
  isFollowing: boolean;
  /** How far what is shown lies behind the visitor, in milliseconds; null: not known yet. */
  lagMs: number | null;
}

export interface PlayerState {
  /** `empty`: the recording holds no picture. */
  phase: "loading" | "ready" | "empty" | "failed";
  problem: Problem | null;
  details: GetSessionResponse | null;
  /** What a person reads of what the visitor did, in the order of time. */
  interactions: readonly Interaction[];
  consoleRows: readonly ConsoleRow[];
  networkRows: readonly NetworkRow[];
  /** Counts up with each new activity: the histogram and the pauses are to be drawn anew. */
  activityVersion: number;
  pauses: readonly Span[];
  segments: readonly WindowSegment[];
  /** First and last moment that can be shown, in milliseconds since 1970 UTC. */
  startMs: number;
  endMs: number;
  /** What is loaded. */
  loaded: Span;
  atMs: number;
  isPlaying: boolean;
  /** Playing, or a picture, waits for chunks. */
  isWaiting: boolean;
  isAtEnd: boolean;
  speed: number;
  skipsPauses: boolean;
  /** The window that is shown. */
  windowId: string | null;
  /** The window that was chosen; null: the one in use at each moment. */
  chosenWindowId: string | null;
  /** Null: the session is not recorded any more. */
  live: LiveState | null;
  connection: StreamState | null;
  notice: Notice | null;
  /** The visitor's viewport in CSS pixels. */
  viewport: { width: number; height: number } | null;
}

export const SPEEDS = [0.5, 1, 2, 4, 8, 16] as const;

export const INITIAL: PlayerState = {
  phase: "loading",
  problem: null,
  details: null,
  interactions: [],
  consoleRows: [],
  networkRows: [],
  activityVersion: 0,
  pauses: [],
  segments: [],
  startMs: 0,
  endMs: 0,
  loaded: { fromMs: 0, toMs: 0 },
  atMs: 0,
  isPlaying: false,
  isWaiting: true,
  isAtEnd: false,
  speed: 1,
  skipsPauses: true,
  windowId: null,
  chosenWindowId: null,
  live: null,
  connection: null,
  notice: null,
  viewport: null,
};
