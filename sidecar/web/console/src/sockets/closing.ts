// Why a stream ended: the sidecar's close codes (docs/websocket.md) as what to do next.
import { problem, type Problem } from "../api/errors";

/** What an end means: it is complete, it may come back, or it will not. */
export type Outcome =
  { kind: "done" } | { kind: "retry"; problem: Problem; afterMs?: number } | { kind: "failed"; problem: Problem };

/** Returns what a close frame means. */
export function outcomeOfClose(code: number): Outcome {
  switch (code) {
    case 1000:
      return { kind: "done" };
    case 4400:
      return { kind: "failed", problem: problem("bad-request") };
    case 4401:
      return { kind: "failed", problem: problem("signed-out") };
    case 4403:
      return { kind: "failed", problem: problem("forbidden") };
    case 4404:
      return { kind: "failed", problem: problem("not-found") };
    case 4409:
    case 4413:
      return { kind: "failed", problem: problem("bad-request") };
    case 4429:
      return { kind: "retry", problem: problem("busy") };
    case 4500:
      return { kind: "retry", problem: problem("internal") };
    default:
      return { kind: "retry", problem: problem("unavailable") };
  }
}

/**
 * Returns what the status of the same path means, asked with fetch after an upgrade failed: a browser tells a page
 * nothing about why it was refused. 426 says that the upgrade would have been let in.
 */
export function outcomeOfStatus(status: number, retryAfterS: number | null): Outcome {
  switch (status) {
    case 400:
      return { kind: "failed", problem: problem("bad-request") };
    case 401:
      return { kind: "failed", problem: problem("signed-out") };
    case 403:
      return { kind: "failed", problem: problem("forbidden") };
    case 429:
      return {
        kind: "retry",
        problem: problem("busy"),
        ...(retryAfterS === null ? {} : { afterMs: retryAfterS * 1000 }),
      };
    default:
      return { kind: "retry", problem: problem("unavailable") };
  }
}
