// A chunk as the recorder holds it until the server acknowledges it, and a record of events that were dropped.

/** A chunk without an acknowledgement. */
export interface Entry {
  /** Its number, assigned when it is first sent; 0: not assigned yet. */
  seq: number;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly isGzip: boolean;
  /** Number of events in it. */
  readonly events: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Whether a replay can start with it. */
  readonly hasSnapshot: boolean;
  /** Version of the privacy policy that it was recorded under; CONFIRMED: it may be sent in any case. */
  readonly policy: string;
  /** Set where the chunk stands for dropped events. */
  readonly loss?: Loss | undefined;
  /** Whether a full snapshot is among the dropped events. */
  readonly isSnapshotLost?: boolean;
}

/** Instead of a policy's version: a server has confirmed it already, or the chunk has no content of the page. */
export const CONFIRMED = "";

/** Why events are missing. */
export type LossReason =
  /** The queue was full because the installation could not be reached. */
  | "queue_full"
  /** The page was unloaded before it could be sent. */
  | "page_left"
  /** A single event exceeds the installation's limit. */
  | "too_large"
  /** The installation refused it. */
  | "rejected"
  /** The privacy policy has changed since it was recorded. */
  | "policy_changed"
  /** Another tab recorded under the same window. */
  | "window_taken"
  /** The installation stores no more of the session. */
  | "session_full"
  /** Its window had ended, or the installation refused its session. */
  | "window_refused"
  /** It could not be written as JSON. */
  | "unreadable"
  /** rrweb failed to record it. */
  | "not_recorded";

/** Amount of missing data, and its time range. */
export interface Loss {
  readonly reason: LossReason;
  readonly events: number;
  readonly bytes: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Further explanation. */
  readonly detail?: string;
}
