// RecordSession over POST /record: each request is a separate stream, which begins with `start` and ends with acks.
import type { ErrorBoundary } from "../support/errorBoundary";
import type { Entry } from "../wire/entry";
import { chunkMessage, delimited, endMessage, parseResponse, undelimited } from "../wire/messages";
import { distrustFetch, request } from "./request";
import { CloseCode, dispatch, type Transport, type TransportEvents } from "./transport";

/** Share of a body (4 MiB + 64 KiB) for chunks, besides the token and `start`. One chunk is always sent. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Timeout of a request; the server has the same. */
const TIMEOUT_MS = 30_000;

const CODES: Readonly<Record<number, number>> = {
  400: CloseCode.BAD_MESSAGE,
  401: CloseCode.UNAUTHENTICATED,
  403: CloseCode.FORBIDDEN,
  404: CloseCode.NOT_FOUND,
  409: CloseCode.SUPERSEDED,
  413: CloseCode.TOO_LARGE,
  429: CloseCode.RATE_LIMITED,
  503: CloseCode.UNAVAILABLE,
};

/** Sends requests one at a time; the first has only `start`. */
export class HttpTransport implements Transport {
  readonly kind = "http";
  readonly #url: string;
  readonly #token: string;
  readonly #start: Uint8Array<ArrayBuffer>;
  readonly #events: TransportEvents;
  readonly #boundary: ErrorBoundary;
  #abort = new AbortController();
  #waiting: Uint8Array[] = [];
  #isEnding = false;
  #isBusy = false;
  #isReady = false;
  #isOver = false;

  constructor(
    endpoint: string,
    token: string,
    start: Uint8Array<ArrayBuffer>,
    events: TransportEvents,
    boundary: ErrorBoundary,
  ) {
    this.#url = `${endpoint}record`;
    this.#token = token;
    this.#start = start;
    this.#events = events;
    this.#boundary = boundary;
    this.#go();
  }

  send(entry: Entry): void {
    this.#waiting.push(chunkMessage(entry));
    // More chunks may be added in the same turn; they share a request.
    queueMicrotask(() => {
      this.#go();
    });
  }

  end(lastSeq: number): void {
    this.#isEnding = true;
    this.#waiting.push(endMessage(lastSeq));
    this.#go();
  }

  close(): void {
    this.#isOver = true;
    this.#abort.abort();
  }

  #go(): void {
    if (this.#isBusy || this.#isOver || (this.#isReady && this.#waiting.length === 0)) {
      return;
    }
    this.#isBusy = true;
    this.#boundary.start(() => this.#post());
  }

  async #post(): Promise<void> {
    const isLast = this.#isEnding;
    const { signal } = (this.#abort = new AbortController());
    try {
      // The token as a line of text, and text/plain: no preflight.
      const body = recordBody(this.#token, this.#start, this.#isReady ? this.#batch() : []);
      const response = await request(this.#url, { method: "POST", body, credentials: "omit", signal }, TIMEOUT_MS);
      if (!response.ok) {
        const retryAfterMs = retryAfter(response);
        const word = (await reasonOf(response)) ?? `http_${response.status}`;
        this.#over(CODES[response.status] ?? CloseCode.INTERNAL, word, retryAfterMs);
        return;
      }
      this.#read(undelimited(new Uint8Array(await response.arrayBuffer())));
    } catch {
      this.#over(CloseCode.BROKEN, "fetch_failed");
      return;
    } finally {
      this.#isBusy = false;
    }
    // The response is not from Afterimage: immediate retries would never end.
    if (!this.#isReady) {
      distrustFetch(new Error("it makes up answers"));
      this.#over(CloseCode.BROKEN, "no_ready");
    }
    if (isLast && this.#waiting.length === 0) {
      this.#over(CloseCode.DONE, "done");
    }
    this.#go();
  }

  #batch(): Uint8Array[] {
    let bytes = 0;
    let count = 0;
    for (const message of this.#waiting) {
      bytes += message.length + 5;
      if (count > 0 && bytes > MAX_BODY_BYTES) {
        break;
      }
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #read(messages: readonly Uint8Array[]): void {
    for (const bytes of messages) {
      if (this.#isOver) {
        return;
      }
      const { message } = parseResponse(bytes);
      // Every request begins with `start` and is answered with `ready`; only the first is news.
      if (message?.$case === "ready" && this.#isReady) {
        continue;
      }
      this.#isReady ||= message?.$case === "ready";
      dispatch(message, this.#events);
    }
  }

  #over(code: number, word: string, retryAfterMs?: number): void {
    if (this.#isOver) {
      return;
    }
    this.close();
    this.#events.onClosed({
      code,
      word,
      wasOpen: true,
      wasReady: this.#isReady,
      ...(retryAfterMs ? { retryAfterMs } : {}),
    });
  }
}

/** Returns the body of a POST /record, with the token as its first line. */
export function recordBody(token: string, start: Uint8Array, messages: readonly Uint8Array[]): Blob {
  return new Blob([`Bearer ${token}\n`, ...delimited([start, ...messages])], { type: "text/plain" });
}

/** Returns the reason in an error of the installation, in lower case as in a close frame; undefined: it has no reason. */
async function reasonOf(response: Response): Promise<string | undefined> {
  const error = (await response.json().catch(() => null)) as ErrorBody | null;
  const reason = error?.details?.[0]?.debug?.reason;
  return typeof reason === "string" ? reason.toLowerCase() : undefined;
}

/** The parts of Connect's error JSON that are read; another server's may have anything. */
interface ErrorBody {
  readonly details?: readonly ({ readonly debug?: { readonly reason?: unknown } | null } | null)[] | null;
}

/** Returns Retry-After in milliseconds; undefined: the header is missing. */
export function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
