import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  ReplayEndReason,
  ReplaySessionRequestSchema,
  ReplaySessionResponseSchema,
  type ReplaySessionRequest,
  type ReplaySessionResponse,
} from "@contract/audit/v1/audit_service_pb";
import { ChunkEncoding } from "@contract/recording/v1/enums_pb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BUDGET_BYTES, ReplayFeed } from "../../src/player/replayFeed";
import type { FeedEvents } from "../../src/player/source";

const MB = 1024 * 1024;

/** The other end of a socket, in memory: its requests, and responses by hand. */
class Peer {
  static all: Peer[] = [];
  binaryType = "";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  isClosed = false;
  asked: ReplaySessionRequest | undefined;

  constructor(
    readonly url: URL,
    readonly protocols: string[],
  ) {
    Peer.all.push(this);
  }

  send(data: Uint8Array): void {
    this.asked = fromBinary(ReplaySessionRequestSchema, data);
  }

  close(): void {
    this.isClosed = true;
  }

  answer(message: ReplaySessionResponse["message"]): void {
    const bytes = toBinary(ReplaySessionResponseSchema, create(ReplaySessionResponseSchema, { message }));
    this.onmessage?.({ data: bytes.slice().buffer });
  }

  header(...windows: [windowId: string, lastSeq: number, endMs: number][]): void {
    this.answer({
      case: "header",
      value: {
        $typeName: "afterimage.audit.v1.ReplayHeader",
        chunkCount: 0n,
        payloadBytes: 0n,
        windows: windows.map(([windowId, lastSeq, endMs]) => ({
          $typeName: "afterimage.recording.v1.Window",
          windowId,
          lastSeq: BigInt(lastSeq),
          endTime: timestampFromMs(endMs),
          ended: true,
          left: false,
        })),
      },
    });
  }

  chunk(windowId: string, seq: number, bytes = 10, hasFullSnapshot = false): void {
    this.answer({
      case: "chunk",
      value: {
        $typeName: "afterimage.recording.v1.StoredChunk",
        windowId,
        seq: BigInt(seq),
        encoding: ChunkEncoding.GZIP,
        payload: new Uint8Array(bytes),
        firstTime: timestampFromMs(seq * 2_000),
        lastTime: timestampFromMs(seq * 2_000 + 1_500),
        eventCount: 1,
        hasFullSnapshot,
      },
    });
  }

  static get last(): Peer {
    const peer = Peer.all.at(-1);
    if (peer === undefined) {
      throw new Error("no socket was opened");
    }
    return peer;
  }
}

const events = {
  onHeader: vi.fn<FeedEvents["onHeader"]>(),
  onChunk: vi.fn<FeedEvents["onChunk"]>(),
  onLiveEdge: vi.fn<FeedEvents["onLiveEdge"]>(),
  onEnd: vi.fn<FeedEvents["onEnd"]>(),
  onConnection: vi.fn<FeedEvents["onConnection"]>(),
  onProblem: vi.fn<FeedEvents["onProblem"]>(),
} satisfies FeedEvents;

let feed: ReplayFeed;

beforeEach(() => {
  Peer.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Peer);
  feed = new ReplayFeed({ sessionId: "s", credentials: { token: () => "t" }, isLive: () => false, events });
});

afterEach(() => {
  feed.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

const cursor = (): Record<string, number> | undefined => {
  const asked = Peer.last.asked?.from;
  if (asked?.case !== "cursor") {
    return undefined;
  }
  return Object.fromEntries(asked.value.positions.map(({ windowId, seq }) => [windowId, Number(seq)]));
};

describe("a run", () => {
  it("asks from its moment on, with the token as a subprotocol and nowhere else", () => {
    feed.begin({ atMs: 60_000 });
    Peer.last.onopen?.();
    expect(Peer.last.protocols).toEqual(["afterimage.v1", "bearer.t"]);
    expect(String(Peer.last.url)).not.toContain("bearer");
    const from = Peer.last.asked?.from;
    expect(from?.case === "fromTime" && timestampMs(from.value)).toBe(60_000);
  });

  it("begins at the newest moment by an offset that no session has", () => {
    feed.begin("newest");
    Peer.last.onopen?.();
    const from = Peer.last.asked?.from;
    expect(from?.case === "fromOffset" && durationMs(from.value)).toBeGreaterThan(300 * 86_400_000);
  });

  it("covers the received chunks, from its moment on, and everything once it is over", () => {
    feed.begin({ atMs: 41_000 });
    Peer.last.onopen?.();
    Peer.last.chunk("a", 20, 10, true);
    expect(feed.covers(41_000)).toBe(false);
    Peer.last.chunk("a", 21);
    expect(feed.covers(41_500)).toBe(true);
    expect(feed.covers(40_500)).toBe(false);
    expect(feed.covers(90_000)).toBe(false);
    Peer.last.answer({
      case: "end",
      value: { $typeName: "afterimage.audit.v1.ReplayEnd", reason: ReplayEndReason.COMPLETE },
    });
    expect(feed.covers(90_000)).toBe(true);
    expect(events.onEnd).toHaveBeenCalledWith("complete");
  });

  it("resumes where it broke; a window that was over before it began is not requested", async () => {
    feed.begin({ atMs: 60_000 });
    Peer.last.onopen?.();
    Peer.last.header(["a", 50, 100_000], ["over", 9, 20_000], ["later", 9, 200_000]);
    Peer.last.chunk("a", 29, 10, true);
    Peer.last.chunk("a", 30);
    Peer.last.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(Peer.all).toHaveLength(2);
    Peer.last.onopen?.();
    expect(cursor()).toEqual({ a: 30, over: 9 });
    Peer.last.chunk("a", 30);
    Peer.last.chunk("a", 31);
    expect(events.onChunk.mock.calls.map(([chunk]) => chunk.seq)).toEqual([29, 30, 31]);
  });

  it("ends with a token that has expired", () => {
    feed.begin({ atMs: 0 });
    Peer.last.onopen?.();
    Peer.last.onclose?.({ code: 4401 });
    expect(events.onProblem.mock.calls[0]?.[0]).toMatchObject({ kind: "signed-out" });
  });
});

describe("memory", () => {
  it("stops reading ahead at half of the budget, and continues when the playhead is nearer", () => {
    feed.begin({ atMs: -Infinity });
    Peer.last.onopen?.();
    feed.playhead(2_000);
    for (let seq = 1; seq <= 16; seq += 1) {
      Peer.last.chunk("a", seq, MB, seq === 1);
    }
    expect(Peer.last.isClosed).toBe(false);
    Peer.last.chunk("a", 17, MB);
    expect(Peer.last.isClosed).toBe(true);

    feed.playhead(10_000);
    expect(Peer.all).toHaveLength(1);
    feed.playhead(24_000);
    expect(Peer.all).toHaveLength(2);
    Peer.last.onopen?.();
    expect(cursor()).toEqual({ a: 17 });
  });

  it("fetches all chunks that a wanted moment needs, of any number", () => {
    feed.begin({ atMs: 0 });
    feed.playhead(1_000);
    feed.begin({ atMs: 50_000 });
    Peer.last.onopen?.();
    for (let seq = 1; seq <= 25; seq += 1) {
      Peer.last.chunk("a", seq, MB, seq === 1);
    }
    expect(feed.covers(50_000)).toBe(true);
    expect(Peer.last.isClosed).toBe(false);
  });

  it("reads no further in a live session either, while the playhead stands still", () => {
    feed.begin({ atMs: -Infinity });
    Peer.last.onopen?.();
    Peer.last.chunk("a", 1, 10, true);
    Peer.last.answer({ case: "liveEdge", value: { $typeName: "afterimage.audit.v1.LiveEdge" } });
    feed.playhead(2_000);
    for (let seq = 2; seq <= 100 && !Peer.last.isClosed; seq += 1) {
      Peer.last.chunk("a", seq, MB);
    }
    expect(feed.store.bytes).toBeLessThanOrEqual(BUDGET_BYTES / 2 + MB);
    expect(feed.covers(1_000_000)).toBe(false);

    feed.playhead(30_000);
    Peer.last.onopen?.();
    expect(cursor()).toEqual({ a: 17 });
  });

  it("never exceeds the budget by more than a picture needs", () => {
    feed.begin({ atMs: -Infinity });
    Peer.last.onopen?.();
    let most = 0;
    for (let seq = 1; seq <= 80; seq += 1) {
      // The dropped chunks are requested again when the playhead has come nearer.
      if (Peer.last.asked === undefined) {
        Peer.last.onopen?.();
      }
      Peer.last.chunk("a", seq, MB, seq % 10 === 1);
      feed.playhead(seq * 2_000);
      most = Math.max(most, feed.store.bytes);
    }
    expect(most).toBeLessThanOrEqual(BUDGET_BYTES + MB);
    expect(feed.covers(80 * 2_000)).toBe(true);
    expect(feed.covers(10_000)).toBe(false);
  });
});
