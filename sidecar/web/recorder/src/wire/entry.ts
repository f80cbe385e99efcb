// A chunk as the recorder holds it until the server acknowledges it, and a record of events that were dropped.

/** A chunk that is not acknowledged yet. */
export interface Entry {
  /** Its number, given when it is sent for the first time; 0: not yet. */
  seq: number;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly isGzip: boolean;
  /** Number of events in it. */
  readonly events: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Whether a replay can begin with it. */
  readonly hasSnapshot: boolean;
  /** Version of the privacy policy that it was recorded under; CONFIRMED: it may leave in any case. */
  readonly policy: string;
  /** Set where the chunk stands for dropped events. */
  readonly loss?: Loss | undefined;
}

/** Instead of a policy's version: a server has confirmed it already, or there is nothing of the page in it. */
export const CONFIRMED = "";

/** Why events are missing. */
export type LossReason =
  /** The queue was full because the installation could not be reached. */
  | "queue_full"
  /** The page was left before it could be sent. */
  | "page_left"
  /** One event is larger than the installation takes. */
  | "too_large"
  /** The installation refused it. */
  | "rejected"
  /** The privacy policy has changed since it was recorded. */
  | "policy_changed"
  /** Another tab recorded under the same window. */
  | "window_taken"
  /** It could not be written as JSON. */
  | "unreadable";

/** How much is missing, and when it happened. */
export interface Loss {
  readonly reason: LossReason;
  readonly events: number;
  readonly bytes: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Further explanation. */
  readonly detail?: string;
}
