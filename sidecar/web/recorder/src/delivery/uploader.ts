// Uploads the chunks of one window: connects, delivers, and reconnects when the connection breaks.
import type { ChunkRejected, RecorderCommand, RecordingReady } from "@messages/audit/v1/audit_service";
import type { SendQueue } from "../buffer/sendQueue";
import { Backoff } from "../support/backoff";
import { timeOf } from "../support/uuid";
import type { ErrorBoundary } from "../support/errorBoundary";
import { listen } from "../support/realm";
import type { Notices } from "../support/status";
import { type BlockedConnection, diagnose, securityPolicyAdvice, watchSecurityPolicy } from "../transport/diagnose";
import { HttpTransport } from "../transport/http";
import { Refusal, type TokenSource } from "../transport/token";
import { CloseCode, type Closing, type Transport, type TransportEvents } from "../transport/transport";
import { TIMEOUT, WebSocketTransport } from "../transport/websocket";
import type { Entry } from "../wire/entry";
import { type Limits, limitsOf, type StartFields, startMessage } from "../wire/messages";
import { Delivery } from "./delivery";

/** Callbacks of an uploader. */
export interface UploaderEvents {
  /** The server has answered `start`. No chunk has been sent yet; chunks removed from the queue now are never sent. */
  readonly onReady: (ready: RecordingReady) => void;
  /** The connection was established or lost. */
  readonly onChange: () => void;
  readonly onCommand: (command: RecorderCommand) => void;
  /** Another page keeps taking over this window. */
  readonly onContested: () => void;
  /** The window has ended: it takes no more chunks. */
  readonly onWindowEnded: () => void;
  /** The session began with another secret, or without one: it takes no streams of this page. */
  readonly onDisowned: () => void;
  /** Recording has ended for the session: the installation refuses its chunks, also after a reload. */
  readonly onStopped: () => void;
  /** The installation stores no more of this session; the upload has ended. */
  readonly onFull: () => void;
  /** Recording has ended for this page: no retry would help. */
  readonly onFailed: () => void;
  /** Called with the number of events dropped, and whether a snapshot among them is too large. */
  readonly onDropped: (events: number, isSnapshotTooLarge: boolean) => void;
}

/** Dependencies of an uploader. */
export interface UploaderParts {
  readonly endpoint: string;
  readonly tokens: TokenSource;
  readonly queue: SendQueue;
  readonly boundary: ErrorBoundary;
  readonly notices: Notices;
  readonly events: UploaderEvents;
  readonly now: () => number;
  readonly random?: () => number;
}

/** Maximum number of takeovers of the window by other connections per minute; the page's own beacon is one. */
const MAX_SUPERSEDED = 3;
const MINUTE_MS = 60_000;
/** Reasons of the installation: the session is full; another quota is used up. */
const FULL = "session_full";
const QUOTA = "quota_exceeded";
/** Number of diagnoses of a missing upgrade after which the recorder falls back to POST. */
const NO_UPGRADES = 2;

/** Uploads one window's chunks, from `connect` on. */
export class Uploader {
  readonly #parts: UploaderParts;
  readonly #backoff: Backoff;
  readonly #delivery: Delivery;
  #unwatch: () => void;
  #ignoreNetwork: () => void;
  #fields: StartFields;
  #transport: Transport | undefined;
  #isOver = false;
  #isHttp = typeof WebSocket === "undefined";
  /** POST is in use because WebSockets got no answer, which may be the network's fault: the two take turns. */
  #isFallback = false;
  #noUpgrades = 0;
  #superseded: number[] = [];
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(fields: StartFields, parts: UploaderParts) {
    this.#fields = fields;
    this.#parts = parts;
    this.#backoff = new Backoff(parts.random);
    this.#delivery = new Delivery(
      { ...parts, startMs: timeOf(fields.sessionId) },
      {
        onDropped: parts.events.onDropped,
        onHopeless: () => {
          this.#fail();
        },
        onLate: parts.events.onChange,
        onSilence: () => {
          if (this.#transport?.kind === "websocket" && !this.#delivery.hasAcked) {
            this.#fallBack();
            return;
          }
          this.#drop();
          parts.events.onChange();
          this.#retryLater();
        },
      },
    );
    this.#unwatch = watchSecurityPolicy(parts.endpoint, parts.boundary.wrap(this.#blocked));
    if (this.#isHttp) {
      parts.notices.report("no_websocket", "this browser has no WebSocket: events are sent by POST, every few seconds");
    }
    this.#ignoreNetwork = listen(window, "online", this.#retryNow);
  }

  get fields(): StartFields {
    return this.#fields;
  }

  get limits(): Limits {
    return this.#delivery.limits;
  }

  /** Whether chunks pushed now are sent at once. */
  get isFlowing(): boolean {
    return this.#delivery.isFlowing;
  }

  /** Whether the installation acknowledges chunks. */
  get isAcknowledged(): boolean {
    return this.#delivery.isAcknowledged;
  }

  /** Whether it has ever acknowledged one of this window. */
  get isProven(): boolean {
    return this.#delivery.isProven;
  }

  /** Whether the upload has ended for good: all chunks are stored, or the installation refuses more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get transportKind(): Transport["kind"] | undefined {
    return this.isFlowing ? this.#transport?.kind : undefined;
  }

  /** Connects, unless it is connected or connecting. */
  connect(): void {
    if (this.#isOver || this.#transport !== undefined) {
      return;
    }
    this.#cancelRetry();
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#parts.boundary.start(() => this.#open(attempt));
  }

  /** Adds chunks, and sends as many as the limits allow. */
  push(...entries: Entry[]): void {
    this.#parts.queue.push(...entries);
    this.pump();
  }

  /** Sends as many chunks as the limits allow. */
  pump(): void {
    this.#delivery.pump();
  }

  /** Changes the fields of `start`, and reconnects to send them. */
  restart(fields: StartFields): void {
    this.#fields = fields;
    this.#drop();
    this.connect();
  }

  /** Ends the window, and then the upload, once all chunks are stored. */
  finish(): void {
    const { entries, lastSeq } = this.#parts.queue;
    if (entries.length === 0 && lastSeq === 0) {
      this.close();
      return;
    }
    this.#delivery.finish();
    if (!this.isFlowing) {
      this.connect();
    }
  }

  /** Listens again: the page has removed all listeners. */
  listen(): void {
    this.#unwatch();
    this.#ignoreNetwork();
    this.#unwatch = watchSecurityPolicy(this.#parts.endpoint, this.#parts.boundary.wrap(this.#blocked));
    this.#ignoreNetwork = listen(window, "online", this.#retryNow);
  }

  /** Closes the connection; `connect` opens another. */
  suspend(): void {
    this.#attempt += 1;
    this.#cancelRetry();
    this.#drop();
  }

  /** Ends for good. */
  close(): void {
    this.#isOver = true;
    this.suspend();
    this.#unwatch();
    this.#ignoreNetwork();
  }

  async #open(attempt: number): Promise<void> {
    const { tokens, endpoint, boundary, now, notices } = this.#parts;
    let token: string;
    try {
      token = await tokens.get();
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#refused(error);
      }
      return;
    }
    if (attempt !== this.#attempt || this.#isOver) {
      return;
    }
    notices.clear("unreachable");
    const start = new Uint8Array(startMessage(this.#fields, now(), this.#isHttp));
    const events: TransportEvents = {
      onReady: boundary.wrap(this.#ready),
      onAck: boundary.wrap((throughSeq: number) => {
        notices.clear(QUOTA);
        // Only an ack proves success: a server that sends `ready` and then fails must not be retried twice per second.
        this.#backoff.reset();
        this.#delivery.acked(throughSeq);
        this.#parts.events.onChange();
      }),
      onRejected: boundary.wrap((rejected: ChunkRejected) => {
        this.#delivery.rejected(rejected);
      }),
      onCommand: boundary.wrap((command: RecorderCommand) => {
        this.#parts.events.onCommand(command);
      }),
      onClosed: boundary.wrap((closing: Closing) => {
        boundary.start(() => this.#closed(closing));
      }),
    };
    try {
      const TransportClass = this.#isHttp ? HttpTransport : WebSocketTransport;
      this.#transport = new TransportClass(endpoint, token, start, events, boundary);
    } catch (error) {
      // Some browsers throw where a Content-Security-Policy forbids the connection, and report a violation as well.
      if (this.#isHttp) {
        this.#retryLater();
        return;
      }
      this.#useHttp(
        "websocket_failed",
        `no WebSocket can be made in this page (${String(error)}): events are sent by POST, every few seconds`,
      );
    }
  }

  /** WebSockets get no answer. */
  #fallBack(): void {
    const { endpoint } = this.#parts;
    this.#useHttp("websocket_silent", `a WebSocket to ${endpoint} gets no answer: events are sent by POST`);
    this.#isFallback = true;
  }

  #refused(error: unknown): void {
    const { notices, events } = this.#parts;
    if (!(error instanceof Refusal)) {
      throw error;
    }
    notices.report(error.isFinal ? "refused" : "unreachable", error.message);
    if (error.isFinal) {
      this.#fail();
    } else {
      this.#retryLater(error.retryAfterMs);
      events.onChange();
    }
  }

  readonly #ready = (ready: RecordingReady): void => {
    const { events } = this.#parts;
    this.#delivery.limits = limitsOf(ready);
    this.#noUpgrades = 0;
    events.onReady(ready);
    if (this.#isOver || this.#transport === undefined) {
      return;
    }
    this.#delivery.begin(this.#transport, Number(ready.nextSeq));
    events.onChange();
    this.pump();
  };

  async #closed(closing: Closing): Promise<void> {
    const { events, tokens } = this.#parts;
    const largest = this.#delivery.largestInFlight;
    const kind = this.#transport?.kind;
    this.#drop();
    events.onChange();
    if (kind === "http" && this.#isFallback && closing.code === CloseCode.BROKEN) {
      this.#isHttp = this.#isFallback = false;
    }
    switch (closing.code) {
      case CloseCode.DONE:
        if (this.#delivery.isDone) {
          this.close();
        } else {
          this.#retryLater();
        }
        break;
      case CloseCode.UNAUTHENTICATED:
        tokens.forget();
        if (closing.wasReady) {
          this.connect();
        } else {
          this.#retryLater();
        }
        break;
      case CloseCode.BAD_MESSAGE:
      case CloseCode.FORBIDDEN:
      case CloseCode.NOT_FOUND:
        this.#unwanted(closing);
        break;
      case CloseCode.SUPERSEDED:
        this.#supersede();
        break;
      case CloseCode.TOO_LARGE:
        if (largest !== undefined) {
          await this.#delivery.split(largest);
        }
        this.#retryLater();
        break;
      case CloseCode.RATE_LIMITED:
        this.#limited(closing);
        break;
      default:
        if (closing.word === TIMEOUT) {
          this.#fallBack();
        } else if (closing.code === CloseCode.BROKEN && !closing.wasOpen) {
          await this.#look();
        } else {
          this.#retryLater(closing.retryAfterMs);
        }
    }
  }

  /** Finds out why a WebSocket could not be opened. */
  async #look(): Promise<void> {
    const { endpoint, tokens, notices } = this.#parts;
    const token = tokens.present;
    const attempt = this.#attempt;
    const look = token === undefined ? undefined : await diagnose(endpoint, token);
    if (attempt !== this.#attempt || this.#isOver) {
      return;
    }
    if (look?.kind === "page_refused") {
      notices.report("refused", `${endpoint} does not record pages of ${location.origin}`);
      this.#fail();
      return;
    }
    if (look?.kind === "token_refused") {
      tokens.forget();
    }
    if (look?.kind === "no_upgrade") {
      this.#noUpgrades += 1;
      if (this.#noUpgrades >= NO_UPGRADES) {
        this.#useHttp(
          "no_upgrade",
          `no WebSocket gets through to ${endpoint}: events are sent by POST. Is there a proxy that strips the upgrade?`,
        );
        return;
      }
    }
    this.#retryLater(look?.kind === "wait" ? look.retryAfterMs : undefined);
  }

  #useHttp(code: string, message: string): void {
    this.#parts.notices.report(code, message);
    this.#isHttp = true;
    this.#drop();
    this.connect();
  }

  readonly #blocked = (what: BlockedConnection): void => {
    const { endpoint, notices } = this.#parts;
    const advice = securityPolicyAdvice(endpoint);
    if (what === "websocket") {
      const words = `the page's policy forbids WebSockets to ${endpoint}: events are sent by POST; better, ${advice}`;
      if (this.#isHttp) {
        notices.report("csp", words); // the constructor has thrown as well
        notices.clear("websocket_failed");
      } else {
        this.#useHttp("csp", words);
      }
      return;
    }
    notices.report("csp", `the page's policy forbids connections to ${endpoint}, so nothing is recorded: ${advice}`);
    this.#fail();
  };

  #unwanted({ word, code }: Closing): void {
    const { notices, events, endpoint } = this.#parts;
    if (word === "window_ended" || word === "session_secret_wrong" || word === "session_secret_missing") {
      this.close();
      if (word === "window_ended") {
        events.onWindowEnded();
      } else {
        events.onDisowned();
      }
      return;
    }
    const isEnded = word === "session_deleted" || word === "recording_stopped";
    if (!isEnded) {
      const why =
        code === CloseCode.BAD_MESSAGE
          ? "is this device's clock right, and is the recorder as new as the installation?"
          : "does the key belong to it?";
      notices.report("refused", `${endpoint} refuses this recording (${word || code}): ${why}`);
    }
    this.close();
    if (isEnded) {
      events.onStopped();
    } else {
      events.onFailed();
    }
  }

  /** A quota is used up: of this session, or of the project, the address or the sender for some time. */
  #limited({ word, retryAfterMs }: Closing): void {
    const { notices, events, endpoint } = this.#parts;
    if (word === FULL) {
      this.close();
      events.onFull();
      return;
    }
    if (word === QUOTA) {
      const minutes = Math.max(1, Math.round((retryAfterMs ?? 0) / MINUTE_MS));
      notices.report(QUOTA, `a quota of ${endpoint} is used up: events are kept, and sent after ${minutes} min`);
    }
    this.#retryLater(retryAfterMs);
  }

  #supersede(): void {
    const nowMs = this.#parts.now();
    this.#superseded = [...this.#superseded.filter((time) => time > nowMs - MINUTE_MS), nowMs];
    if (this.#superseded.length > MAX_SUPERSEDED) {
      this.close();
      this.#parts.events.onContested();
    } else {
      this.#retryLater();
    }
  }

  #retryLater(leastMs = 0): void {
    if (this.#isOver) {
      return;
    }
    this.#cancelRetry();
    // Added, so that recorders with the same delay do not come back at the same moment.
    const waitMs = leastMs + this.#backoff.next();
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.connect();
    }, waitMs);
  }

  readonly #retryNow = (): void => {
    if (this.#retry !== undefined) {
      this.connect();
    }
  };

  #cancelRetry(): void {
    if (this.#retry !== undefined) {
      clearTimeout(this.#retry);
    }
    this.#retry = undefined;
  }

  #drop(): void {
    this.#transport?.close();
    this.#transport = undefined;
    this.#delivery.stop();
  }

  #fail(): void {
    this.close();
    this.#parts.events.onFailed();
  }
}
