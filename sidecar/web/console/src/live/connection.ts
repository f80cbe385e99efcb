// Texts about the connection of the live list.
import { type Problem, problem } from "../api/errors";
import type { StreamState } from "../sockets/stream";

/** Where the connection is. */
export type LiveConnection =
  | { kind: "connecting" }
  | { kind: "live" }
  /** It broke; the next attempt is at `atMs` (this browser's clock), or under way where that is null. */
  | { kind: "reconnecting"; atMs: number | null }
  /** The browser reports that this computer has no network. Attempts continue: the report is not always right. */
  | { kind: "offline" }
  /** As many attempts as are allowed have failed. */
  | { kind: "given-up"; problem: Problem }
  /** The server refuses this stream for good. */
  | { kind: "refused"; problem: Problem };

/**
 * Returns the meaning of a stream's state.
 *
 * @param hasList Whether the open stream has sent its list of sessions.
 * @param isOnline The browser's report about its network.
 */
export function connectionOf(state: StreamState, hasList: boolean, isOnline: boolean): LiveConnection {
  switch (state.kind) {
    case "open":
      return hasList ? { kind: "live" } : { kind: "connecting" };
    case "connecting":
      if (state.failures === 0) {
        return { kind: "connecting" };
      }
      return isOnline ? { kind: "reconnecting", atMs: null } : { kind: "offline" };
    case "waiting":
      return isOnline ? { kind: "reconnecting", atMs: state.untilMs } : { kind: "offline" };
    case "failed":
      return { kind: state.problem.mayRetry ? "given-up" : "refused", problem: state.problem };
    case "done":
      // Not an end of the contract: the list continues for as long as it is watched.
      return { kind: "given-up", problem: problem("unavailable") };
  }
}
