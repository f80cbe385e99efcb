// Where the session of a player comes from: a server (serverSource.ts), or the file that the player is in
// (offline/fileSource.ts).
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import type { Problem } from "../api/errors";
import type { StreamState } from "../sockets/stream";
import type { ChunkStore, StoredChunk } from "./chunkStore";
import type { Span } from "./spans";

/** Where a run begins: at a time, or at the newest moment that there is. */
export type RunStart = { atMs: number } | "newest";

/** How a replay came to its end. */
export type FeedEnd = "complete" | "session-ended" | "deleted";

export interface FeedEvents {
  onHeader: () => void;
  onChunk: (chunk: StoredChunk) => void;
  /** All stored chunks were sent; the following ones are live. */
  onLiveEdge: () => void;
  onEnd: (end: FeedEnd) => void;
  onConnection: (state: StreamState) => void;
  onProblem: (problem: Problem) => void;
}

/** Brings the chunks of one session. A run begins at a moment and continues from there. */
export interface Feed {
  /** Received chunks of the run. */
  readonly store: ChunkStore;
  /** Whether the run has everything that there is from its beginning on (and nothing more comes, without `follow`). */
  readonly isOver: boolean;
  /** Whether more chunks are to come: neither has the run everything, nor is it ahead of the playhead as far as it goes. */
  readonly isReading: boolean;
  /** Returns whether the run can show a moment. */
  covers: (timeMs: number) => boolean;
  /** Returns the loaded part of a span. */
  loaded: (startMs: number, endMs: number) => Span;
  /** Begins a new run; chunks of the old one may be dropped. */
  begin: (start: RunStart) => void;
  /** Reports the playing position. */
  playhead: (timeMs: number) => void;
  /** Does not wait for a backoff to pass. */
  reconnectNow: () => void;
  /** Stops bringing. */
  close: () => void;
}

export interface LoaderEvents {
  onDetails: (details: GetSessionResponse) => void;
  /** `isListed`: the interactions are for the panel's list; else they only show when something moved. */
  onInteractions: (isListed: boolean, interactions: readonly Interaction[]) => void;
}

/** Brings a session's details and interactions. */
export interface Loader {
  readonly isClosed: boolean;
  loadDetails: () => Promise<void>;
  /** Returns whether all interactions that the session has until now were loaded. */
  loadInteractions: () => Promise<boolean>;
  /** Loads everything again from time to time, and soon after each `refreshSoon`, as long as `isLive` returns true. */
  refreshWhile: (isLive: () => boolean) => void;
  /** There is something new. */
  refreshSoon: () => void;
  close: () => void;
}

/** A session, for one player. */
export interface SessionSource {
  /** @param isLive Whether the session is still recorded: then live chunks follow the stored ones. */
  feed: (isLive: () => boolean, events: FeedEvents) => Feed;
  loader: (events: LoaderEvents) => Loader;
}
