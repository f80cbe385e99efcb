// A stream of the contract over a WebSocket: the request is sent first, then messages are received until it ends. A
// broken stream is reopened after a backoff, with a request that has the reader's position.
import { fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { CloseCode } from "@contract/close_codes";
import type { Credentials } from "../api/api";
import { type Problem, problem } from "../api/errors";
import { type BackoffLimits, backoffMs, DEFAULT_BACKOFF } from "./backoff";
import { type Outcome, outcomeOfClose, outcomeOfStatus } from "./closing";

/** Where a stream is. `waiting` and `connecting` come back by themselves; `done` and `failed` are final. */
export type StreamState =
  | { kind: "connecting"; failures: number }
  | { kind: "open" }
  | { kind: "waiting"; failures: number; problem: Problem; untilMs: number }
  | { kind: "done" }
  | { kind: "failed"; problem: Problem };

export interface StreamOptions<Request extends DescMessage, Response extends DescMessage> {
  /** Path on this installation, such as "/ws/replay". */
  path: string;
  request: Request;
  response: Response;
  credentials: Credentials;
  /** Returns the request; called for each connection, so that a later one resumes where the earlier one broke. */
  ask: () => MessageShape<Request>;
  onMessage: (message: MessageShape<Response>) => void;
  onState?: (state: StreamState) => void;
  backoff?: Partial<BackoffLimits>;
}

/** A stream that runs. */
export interface Stream {
  readonly state: StreamState;
  /** Ends it; nothing is reported after that. */
  close: () => void;
  /** Does not wait for the backoff to pass. */
  reconnectNow: () => void;
}

const SUBPROTOCOL = "afterimage.v1";

/** Duration after which a connection counts as stable, in milliseconds: the next failure is the first again. */
const STEADY_MS = 5_000;

/** Opens a stream. */
export function openStream<Request extends DescMessage, Response extends DescMessage>(
  options: StreamOptions<Request, Response>,
): Stream {
  const limits = { ...DEFAULT_BACKOFF, ...options.backoff };
  let state: StreamState = { kind: "connecting", failures: 0 };
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let closed = false;

  const become = (next: StreamState): void => {
    state = next;
    options.onState?.(next);
  };

  const end = (outcome: Outcome): void => {
    if (closed) {
      return;
    }
    if (outcome.kind === "done") {
      become({ kind: "done" });
    } else if (outcome.kind === "failed") {
      become({ kind: "failed", problem: outcome.problem });
    } else {
      failures += 1;
      if (failures >= limits.attempts) {
        become({ kind: "failed", problem: outcome.problem });
        return;
      }
      const waitMs = Math.max(backoffMs(failures, limits), outcome.afterMs ?? 0);
      become({ kind: "waiting", failures, problem: outcome.problem, untilMs: Date.now() + waitMs });
      timer = setTimeout(connect, waitMs);
    }
  };

  const connect = (): void => {
    clearTimeout(timer);
    const token = options.credentials.token();
    if (token === null) {
      end({ kind: "failed", problem: problem("signed-out") });
      return;
    }
    become({ kind: "connecting", failures });
    const url = new URL(options.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const connection = new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`]);
    connection.binaryType = "arraybuffer";
    socket = connection;
    let openedMs = 0;

    connection.onopen = () => {
      openedMs = Date.now();
      connection.send(toBinary(options.request, options.ask()));
      become({ kind: "open" });
    };
    connection.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      if (socket !== connection) {
        return;
      }
      options.onMessage(fromBinary(options.response, new Uint8Array(event.data)));
    };
    connection.onclose = (event) => {
      if (socket !== connection) {
        return;
      }
      socket = null;
      if (openedMs > 0) {
        if (Date.now() - openedMs >= STEADY_MS) {
          failures = 0;
        }
        // The token that this connection began with has ended; a share link's was renewed in the meantime.
        const isRenewed = event.code === CloseCode.UNAUTHENTICATED && options.credentials.token() !== token;
        if (isRenewed) {
          connect();
        } else {
          end(outcomeOfClose(event.code));
        }
      } else {
        void whyRefused(options.path, token).then(end);
      }
    };
  };

  connect();
  return {
    get state() {
      return state;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      const connection = socket;
      socket = null;
      connection?.close(CloseCode.DONE);
    },
    reconnectNow() {
      if (!closed && state.kind === "waiting") {
        connect();
      }
    },
  };
}

/** Returns why an upgrade failed, which only fetch can find out (docs/websocket.md). */
async function whyRefused(path: string, token: string): Promise<Outcome> {
  try {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
    const retryAfter = answer.headers.get("Retry-After");
    return outcomeOfStatus(answer.status, retryAfter === null ? null : Number(retryAfter));
  } catch {
    return { kind: "retry", problem: problem("unavailable") };
  }
}
