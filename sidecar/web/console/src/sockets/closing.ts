// The meaning of a stream's end: close codes of the sidecar (docs/websocket.md) mapped to the next step.
import { CloseCode } from "@contract/close_codes";
import { problem, type Problem } from "../api/errors";

/** Meaning of an end: complete, temporary, or permanent. */
export type Outcome =
  { kind: "done" } | { kind: "retry"; problem: Problem; afterMs?: number } | { kind: "failed"; problem: Problem };

/** Returns the meaning of a close frame. */
export function outcomeOfClose(code: number): Outcome {
  switch (code) {
    case CloseCode.DONE:
      return { kind: "done" };
    case CloseCode.BAD_MESSAGE:
      return { kind: "failed", problem: problem("bad-request") };
    case CloseCode.UNAUTHENTICATED:
      return { kind: "failed", problem: problem("signed-out") };
    case CloseCode.FORBIDDEN:
      return { kind: "failed", problem: problem("forbidden") };
    case CloseCode.NOT_FOUND:
      return { kind: "failed", problem: problem("not-found") };
    case CloseCode.SUPERSEDED:
    case CloseCode.TOO_LARGE:
      return { kind: "failed", problem: problem("bad-request") };
    case CloseCode.RATE_LIMITED:
      return { kind: "retry", problem: problem("busy") };
    case CloseCode.INTERNAL:
      return { kind: "retry", problem: problem("internal") };
    default:
      return { kind: "retry", problem: problem("unavailable") };
  }
}

/**
 * Returns the meaning of the status of the same path, requested with fetch after an upgrade failed: a browser hides the
 * reason of a refused upgrade from the page. 426 means that the upgrade would have been accepted.
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
