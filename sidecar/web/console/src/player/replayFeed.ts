// Fetches a session's chunks from /ws/replay. A run begins at a moment and continues from there; seeking outside of it
// begins a new run, so that nothing in between is downloaded.
//
// Memory: a run holds at most BUDGET_BYTES of packed payloads. After the playhead has passed, it drops chunks that the
// picture no longer needs; ahead of it the stream is closed when half of the budget is full, and reopened with a cursor
// when the playhead has come nearer.
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  ReplayEndReason,
  ReplaySessionRequestSchema,
  ReplaySessionResponseSchema,
  type ReplaySessionRequest,
  type ReplaySessionResponse,
} from "@contract/audit/v1/audit_service_pb";
import { ChunkEncoding } from "@contract/recording/v1/enums_pb";
import type { Credentials } from "../api/api";
import { openStream, type Stream } from "../sockets/stream";
import { ChunkStore, type StoredChunk } from "./chunkStore";
import type { Feed, FeedEnd, FeedEvents, RunStart } from "./source";
import type { Span } from "./spans";

/** Packed payloads held at most, in bytes. */
export const BUDGET_BYTES = 32 * 1024 * 1024;

export interface FeedOptions {
  sessionId: string;
  credentials: Credentials;
  /** Whether the session is still recorded: then the stream continues with live chunks. Called for each connection. */
  isLive: () => boolean;
  events: FeedEvents;
}

/** The received chunks of one session. */
export class ReplayFeed implements Feed {
  readonly #options: FeedOptions;
  #stream: Stream | null = null;
  #store = new ChunkStore();
  #fromMs = -Infinity;
  #start: RunStart = { atMs: -Infinity };
  #windowEnds = new Map<string, { lastSeq: number; endMs: number }>();
  #hasHeader = false;
  #isHeld = false;
  #isOver = false;
  #playheadMs = -Infinity;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get store(): ChunkStore {
    return this.#store;
  }

  /** Whether the run has everything that there is from its beginning on (and nothing more comes, without `follow`). */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether more chunks are to come: neither has the run everything, nor is it ahead of the playhead as far as it goes. */
  get isReading(): boolean {
    return !this.#isOver && !this.#isHeld;
  }

  /** Returns whether the run can show a moment. */
  covers(timeMs: number): boolean {
    return timeMs >= this.#fromMs && (this.#isOver || timeMs <= this.#store.completeMs);
  }

  /** Returns the loaded part of a span. */
  loaded(startMs: number, endMs: number): Span {
    const fromMs = Math.min(Math.max(this.#fromMs, startMs), endMs);
    const toMs = this.#isOver ? endMs : Math.min(Math.max(this.#store.completeMs, fromMs), endMs);
    return { fromMs, toMs };
  }

  /** Begins a new run; chunks of the old one are dropped. */
  begin(start: RunStart): void {
    this.close();
    this.#store = new ChunkStore();
    this.#start = start;
    this.#fromMs = start === "newest" ? Infinity : start.atMs;
    // The picture needs all chunks before the moment, of any size.
    this.#playheadMs = this.#fromMs;
    this.#hasHeader = false;
    this.#isHeld = false;
    this.#isOver = false;
    this.#windowEnds.clear();
    this.#open();
  }

  /** Reports the playing position, so that memory can be freed and reading can continue. */
  playhead(timeMs: number): void {
    this.#playheadMs = timeMs;
    if (this.#store.bytes > BUDGET_BYTES) {
      this.#store.forgetBefore(timeMs);
      this.#fromMs = Math.max(this.#fromMs, timeMs);
    }
    if (this.#isHeld && this.#store.bytesAfter(timeMs) < BUDGET_BYTES / 4) {
      this.#isHeld = false;
      this.#open();
    }
  }

  /** Does not wait for a backoff to pass. */
  reconnectNow(): void {
    this.#stream?.reconnectNow();
  }

  /** Stops bringing. */
  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }

  #open(): void {
    const { credentials, events } = this.#options;
    const stream: Stream = openStream({
      path: "/ws/replay",
      request: ReplaySessionRequestSchema,
      response: ReplaySessionResponseSchema,
      credentials,
      ask: () => this.#ask(),
      onMessage: (message) => {
        this.#take(message);
      },
      onState: (state) => {
        events.onConnection(state);
        if (state.kind === "failed") {
          events.onProblem(state.problem);
        }
      },
    });
    this.#stream = stream;
  }

  #ask(): ReplaySessionRequest {
    const request = create(ReplaySessionRequestSchema, {
      sessionId: this.#options.sessionId,
      follow: this.#options.isLive(),
    });
    const positions = this.#positions();
    if (positions.length > 0) {
      request.from = {
        case: "cursor",
        value: {
          $typeName: "afterimage.audit.v1.ReplayCursor",
          positions: positions.map(([windowId, seq]) => ({
            $typeName: "afterimage.audit.v1.WindowPosition",
            windowId,
            seq: BigInt(seq),
          })),
        },
      };
    } else if (this.#start === "newest") {
      request.from = { case: "fromOffset", value: durationFromMs(NEWEST_MS) };
    } else if (Number.isFinite(this.#start.atMs)) {
      request.from = { case: "fromTime", value: timestampFromMs(Math.floor(this.#start.atMs)) };
    }
    return request;
  }

  /** Position of the run. A window without chunks was over before the run began, or has not begun yet. */
  #positions(): [string, number][] {
    const received = this.#store.positions();
    if (received.size === 0) {
      return [];
    }
    for (const [windowId, { lastSeq, endMs }] of this.#windowEnds) {
      if (!received.has(windowId) && endMs < this.#fromMs) {
        received.set(windowId, lastSeq);
      }
    }
    return [...received];
  }

  #take(response: ReplaySessionResponse): void {
    const { events } = this.#options;
    const { message } = response;
    switch (message.case) {
      case "header":
        for (const window of message.value.windows) {
          this.#windowEnds.set(window.windowId, { lastSeq: Number(window.lastSeq), endMs: ms(window.endTime) });
        }
        if (!this.#hasHeader && this.#start === "newest") {
          this.#fromMs = ms(message.value.session?.endTime);
        }
        this.#hasHeader = true;
        events.onHeader();
        break;
      case "chunk": {
        const { value } = message;
        const chunk: StoredChunk = {
          windowId: value.windowId,
          seq: Number(value.seq),
          firstMs: ms(value.firstTime),
          lastMs: ms(value.lastTime),
          hasFullSnapshot: value.hasFullSnapshot,
          isGzip: value.encoding === ChunkEncoding.GZIP,
          // Its own copy: the message's bytes are a view of a whole frame.
          payload: value.payload.slice(),
        };
        if (this.#store.add(chunk)) {
          events.onChunk(chunk);
        }
        this.#holdIfFull();
        break;
      }
      case "liveEdge":
        this.#isOver = true;
        events.onLiveEdge();
        break;
      case "end":
        this.#isOver = true;
        events.onEnd(END[message.value.reason] ?? "complete");
        break;
      case undefined:
        break;
    }
  }

  #holdIfFull(): void {
    if (this.#store.bytes < BUDGET_BYTES / 2) {
      return;
    }
    if (this.#store.bytesAfter(this.#playheadMs) < BUDGET_BYTES / 2) {
      return;
    }
    this.#isHeld = true;
    // A live session continues while a viewer looks at one of its moments for an hour.
    this.#isOver = false;
    this.close();
  }
}

/** An offset after the end of any session: a year. */
const NEWEST_MS = 365 * 86_400_000;

const END: Readonly<Partial<Record<ReplayEndReason, FeedEnd>>> = {
  [ReplayEndReason.COMPLETE]: "complete",
  [ReplayEndReason.SESSION_ENDED]: "session-ended",
  [ReplayEndReason.DELETED]: "deleted",
};

function ms(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}
