// RecordSession over a WebSocket: one message per binary frame.
import type { ErrorBoundary } from "../support/errorBoundary";
import type { Entry } from "../wire/entry";
import { chunkMessage, endMessage, parseResponse } from "../wire/messages";
import { CloseCode, type Closing, dispatch, readReason, type Transport, type TransportEvents } from "./transport";

/** Timeout of a connection attempt, until `ready`: some proxies swallow the upgrade, or all later frames. */
const OPEN_TIMEOUT_MS = 9_800;
/** WebSocket.OPEN, which a page's own class may lack. */
const OPEN = 1;
/** Word of the end of a connection that was not established in time. */
export const TIMEOUT = "timeout";

/** A WebSocket that connects at construction. */
export class WebSocketTransport implements Transport {
  readonly kind = "websocket";
  readonly #socket: WebSocket;
  readonly #events: TransportEvents;
  readonly #timer: ReturnType<typeof setTimeout>;
  #isOpen = false;
  #isReady = false;
  #isOver = false;

  /**
   * @param endpoint - URL of the installation, ending with a slash.
   * @param start - The message `start`.
   */
  constructor(
    endpoint: string,
    token: string,
    start: Uint8Array<ArrayBuffer>,
    events: TransportEvents,
    boundary: ErrorBoundary,
  ) {
    this.#events = events;
    this.#socket = new WebSocket(`${endpoint.replace(/^http/, "ws")}ws/record`, ["afterimage.v1", `bearer.${token}`]);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = boundary.wrap(() => {
      this.#isOpen = true;
      this.#socket.send(start);
    });
    this.#socket.onmessage = boundary.wrap((message: MessageEvent) => {
      this.#take(message.data);
    });
    this.#socket.onclose = boundary.wrap((close: CloseEvent) => {
      this.#over({ code: close.code, ...readReason(close.reason), wasOpen: this.#isOpen, wasReady: this.#isReady });
    });
    this.#timer = setTimeout(
      boundary.wrap(() => {
        this.#over({ code: CloseCode.BROKEN, word: TIMEOUT, wasOpen: this.#isOpen, wasReady: false });
      }),
      OPEN_TIMEOUT_MS,
    );
  }

  send(entry: Entry): void {
    this.#write(chunkMessage(entry));
  }

  end(lastSeq: number): void {
    this.#write(endMessage(lastSeq));
  }

  close(): void {
    this.#detach();
    this.#socket.close();
  }

  #write(message: Uint8Array): void {
    if (this.#socket.readyState === OPEN) {
      this.#socket.send(new Uint8Array(message));
    }
  }

  #take(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) {
      return;
    }
    const { message } = parseResponse(new Uint8Array(data));
    if (message?.$case === "ready") {
      this.#isReady = true;
      clearTimeout(this.#timer);
    }
    dispatch(message, this.#events);
  }

  #over(closing: Closing): void {
    if (this.#isOver) {
      return;
    }
    this.close();
    this.#events.onClosed(closing);
  }

  #detach(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
  }
}
