// Error messages. Every failure that a page can meet becomes a Problem: the situation, and its remedy.
import { Code, ConnectError } from "@connectrpc/connect";

/** A problem in words for the user. */
export interface Problem {
  kind: "signed-out" | "forbidden" | "not-found" | "bad-request" | "busy" | "unavailable" | "internal";
  title: string;
  advice: string;
  /** Whether a retry may succeed. */
  mayRetry: boolean;
  /** Reference that an administrator finds the request by. */
  reference?: string;
}

const WORDS: Readonly<Record<Problem["kind"], Omit<Problem, "kind" | "reference">>> = {
  "signed-out": {
    title: "You are signed out",
    advice: "Your token has expired or is no longer accepted. Sign in again; you will come back to this page.",
    mayRetry: false,
  },
  forbidden: {
    title: "Your token does not allow this",
    advice: "It lacks the required scope. Ask an administrator for a token with that scope.",
    mayRetry: false,
  },
  "not-found": {
    title: "There is no such thing here",
    advice: "It does not exist in your project: it may have been deleted, or have reached the end of its retention.",
    mayRetry: false,
  },
  "bad-request": {
    title: "The server refused the request",
    advice: "The server does not accept a part of it.",
    mayRetry: false,
  },
  busy: {
    title: "Too many requests",
    advice: "You, or others at your address, are over a limit. Wait a minute, then try again.",
    mayRetry: true,
  },
  unavailable: {
    title: "The server cannot be reached",
    advice:
      "Check your network. If it is fine, Afterimage may be restarting: `afterimage doctor` shows which part is down.",
    mayRetry: true,
  },
  internal: {
    title: "The server failed",
    advice: "Try again. If the error persists, an administrator can find it in the server's log.",
    mayRetry: true,
  },
};

/** Returns the problem of a kind, with other texts where they are given. */
export function problem(kind: Problem["kind"], words: Partial<Omit<Problem, "kind">> = {}): Problem {
  return { kind, ...WORDS[kind], ...words };
}

/** Returns the problem that any thrown value stands for. */
export function problemOf(error: unknown): Problem {
  const failure = ConnectError.from(error);
  const reference = requestId(failure);
  const extra = reference === undefined ? {} : { reference };
  switch (failure.code) {
    case Code.Unauthenticated:
      return problem("signed-out");
    case Code.PermissionDenied:
      return problem("forbidden");
    case Code.NotFound:
      return problem("not-found");
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.FailedPrecondition:
      return problem("bad-request", { advice: sentence(failure.rawMessage) });
    case Code.ResourceExhausted:
      return problem("busy");
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Aborted:
    case Code.Canceled:
      return problem("unavailable");
    case Code.Unknown:
      // connect-web's error for a fetch without a response.
      return failure.cause instanceof TypeError ? problem("unavailable") : problem("internal", extra);
    default:
      return problem("internal", extra);
  }
}

function requestId(failure: ConnectError): string | undefined {
  return /request id:? ([\w-]+)/i.exec(failure.rawMessage)?.[1];
}

function sentence(text: string): string {
  const words = text.trim();
  if (words === "") {
    return WORDS["bad-request"].advice;
  }
  return `The server reports: ${words}${/[.!?]$/.test(words) ? "" : "."}`;
}
