// Cases that need a misbehaving server. The rest is tested in a browser: tests/browser/test_recorder_*.py.
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  RecordSessionRequestSchema,
  RecordSessionResponseSchema,
  RejectReason,
  type RecordSessionRequest,
} from "@contract/audit/v1/audit_service_pb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gzipSync } from "node:zlib";
import { SendQueue } from "../../src/buffer/sendQueue";
import { Uploader } from "../../src/delivery/uploader";
import { ErrorBoundary } from "../../src/support/errorBoundary";
import { Notices } from "../../src/support/status";
import { uuid7 } from "../../src/support/uuid";
import { TokenSource } from "../../src/transport/token";
import { CloseCode } from "../../src/transport/transport";
import type { Entry } from "../../src/wire/entry";
import { chunk } from "../chunks";

type Answer = NonNullable<MessageInitShape<typeof RecordSessionResponseSchema>["message"]>;

const SESSION_MS = 1_800_000_000_000;
const SESSION = uuid7(SESSION_MS);
const sockets: FakeSocket[] = [];

/** The browser's end of a socket; the test is the server. */
class FakeSocket {
  static readonly OPEN = 1;
  readyState = 0;
  binaryType = "";
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((close: { code: number; reason: string }) => void) | null = null;
  readonly sent: RecordSessionRequest[] = [];
  readonly protocols: readonly string[];

  constructor(_url: string, protocols: string[]) {
    this.protocols = protocols;
    sockets.push(this);
  }

  send(data: Uint8Array): void {
    this.sent.push(fromBinary(RecordSessionRequestSchema, data));
  }

  close(): void {
    this.readyState = 3;
  }

  open(nextSeq: number): void {
    this.readyState = 1;
    this.onopen?.();
    this.answer({ case: "ready", value: { nextSeq: BigInt(nextSeq), limits: { maxUnackedBytes: 1_000_000n } } });
  }

  answer(message: Answer): void {
    const bytes = toBinary(RecordSessionResponseSchema, create(RecordSessionResponseSchema, { message }));
    this.onmessage?.({ data: new Uint8Array(bytes).buffer });
  }

  reject(seq: number, expectedSeq: number, reason: RejectReason): void {
    this.answer({
      case: "rejected",
      value: { seq: BigInt(seq), expectedSeq: BigInt(expectedSeq), reason, message: "because" },
    });
  }

  drop(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** Seqs of the received chunks. */
  get seqs(): number[] {
    return this.sent.flatMap(({ message }) => (message.case === "chunk" ? [Number(message.value.seq)] : []));
  }
}

class FakeTokens extends TokenSource {
  asked = 0;
  override get present(): string {
    return `token-${this.asked}`;
  }
  override get(): Promise<string> {
    this.asked += 1;
    return Promise.resolve(this.present);
  }
}

let queue: SendQueue;
let tokens: FakeTokens;
let notices: Notices;
let told: string[];
let uploader: Uploader;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.stubGlobal("WebSocket", FakeSocket);
  const page = { addEventListener: () => undefined, removeEventListener: () => undefined };
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", { ...page, innerWidth: 1, innerHeight: 1, screen: { width: 1, height: 1 } });
  vi.stubGlobal("location", { origin: "https://shop.example", pathname: "/" });
  vi.stubGlobal("navigator", { userAgent: "", language: "en" });
  sockets.length = 0;
  told = [];
  queue = new SendQueue(10_000_000);
  tokens = new FakeTokens("", "", Date.now);
  notices = new Notices();
  const tell =
    (what: string) =>
    (value?: unknown): void => {
      if (what !== "change") {
        told.push(typeof value === "number" ? `${what} ${value}` : what);
      }
    };
  uploader = new Uploader(
    { sessionId: SESSION, windowId: "w", actorId: "", secret: "the secret", tags: {} },
    {
      endpoint: "https://replay.example/",
      tokens,
      queue,
      boundary: new ErrorBoundary(notices),
      notices,
      now: Date.now,
      random: () => 0.5,
      events: {
        onReady: tell("ready"),
        onChange: tell("change"),
        onCommand: tell("command"),
        onContested: tell("contested"),
        onWindowEnded: tell("window ended"),
        onDisowned: tell("disowned"),
        onStopped: tell("stopped"),
        onFull: tell("full"),
        onFailed: tell("failed"),
        onDropped: tell("dropped"),
      },
    },
  );
});
afterEach(() => {
  uploader.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

async function connected(nextSeq = 1): Promise<FakeSocket> {
  uploader.connect();
  await settle();
  return opened(nextSeq);
}

/** Returns the latest socket, opened. */
function opened(nextSeq: number): FakeSocket {
  const socket = sockets.at(-1);
  if (socket === undefined) {
    throw new Error("there is no socket");
  }
  socket.open(nextSeq);
  return socket;
}

function packed(seconds: number, events: number): Entry {
  const list = Array.from({ length: events }, (_, n) => ({ type: 3, timestamp: seconds * 1000 + n, data: {} }));
  return chunk(seconds, 0, { events, payload: new Uint8Array(gzipSync(JSON.stringify(list))) });
}

test("the token is a subprotocol, start comes first, chunks once the server is ready", async () => {
  uploader.push(packed(1, 1));
  const socket = await connected(4);
  expect(socket.protocols).toEqual(["afterimage.v1", "bearer.token-1"]);
  expect(socket.sent.map(({ message }) => message.case)).toEqual(["start", "chunk"]);
  expect(socket.seqs).toEqual([4]);
  socket.answer({ case: "ack", value: { throughSeq: 4n } });
  expect(queue.entries).toEqual([]);
});

test("a chunk that is too large is split; later chunks in flight are sent again, once", async () => {
  vi.useRealTimers();
  uploader.push(packed(1, 4), packed(2, 1), packed(3, 1));
  uploader.connect();
  await vi.waitFor(() => {
    expect(sockets).toHaveLength(1);
  });
  const socket = opened(1);
  socket.reject(1, 1, RejectReason.TOO_LARGE);
  socket.reject(2, 1, RejectReason.GAP);
  socket.reject(3, 1, RejectReason.GAP);
  await vi.waitFor(() => {
    expect(socket.seqs).toEqual([1, 2, 3, 1, 2, 3, 4]);
  });
  expect(queue.entries.map((entry) => entry.events)).toEqual([2, 2, 1, 1]);
  socket.answer({ case: "ack", value: { throughSeq: 4n } });
  expect(queue.entries).toEqual([]);
});

test("a gap is filled from the expected seq on", async () => {
  uploader.push(packed(1, 1), packed(2, 1), packed(3, 1));
  const socket = await connected();
  socket.reject(2, 1, RejectReason.GAP);
  socket.reject(3, 1, RejectReason.GAP);
  expect(socket.seqs).toEqual([1, 2, 3, 1, 2, 3]);
});

test("a refused chunk is replaced by a report of it", async () => {
  uploader.push(packed(1, 7), packed(2, 1));
  const socket = await connected();
  socket.reject(1, 1, RejectReason.INVALID_PAYLOAD);
  socket.reject(2, 1, RejectReason.GAP);
  expect(socket.seqs).toEqual([1, 2, 1, 2]);
  expect(queue.entries[0]?.loss).toMatchObject({ reason: "rejected", events: 7, detail: "because" });
  expect(told).toContain("dropped 7");
});

test("when even that is refused, the upload ends with a notice", async () => {
  uploader.push(packed(1, 7));
  const socket = await connected();
  socket.reject(1, 1, RejectReason.INVALID_TIME);
  socket.reject(1, 1, RejectReason.INVALID_TIME);
  expect(told.at(-1)).toBe("failed");
  expect(notices.all.at(-1)?.message).toContain("clock");
});

test("an expired token is replaced at once, and acknowledged chunks are not sent again", async () => {
  uploader.push(packed(1, 1), packed(2, 1));
  const socket = await connected();
  socket.answer({ case: "ack", value: { throughSeq: 1n } });
  socket.drop(CloseCode.UNAUTHENTICATED, "token_expired");
  await settle();
  expect(sockets).toHaveLength(2);
  expect(sockets[1]?.protocols[1]).toBe("bearer.token-2");
  expect(opened(2).seqs).toEqual([2]);
});

test.each([CloseCode.GOING_AWAY, CloseCode.RATE_LIMITED, CloseCode.INTERNAL, CloseCode.UNAVAILABLE])(
  "%d: it reconnects, with a longer delay each time that nothing was stored",
  async (code) => {
    let socket = await connected();
    for (const waitMs of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      socket.drop(code);
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      const before = sockets.length;
      await vi.advanceTimersByTimeAsync(1);
      expect(sockets.length).toBe(before + 1);
      socket = opened(1);
    }
    uploader.push(packed(1, 1));
    socket.answer({ case: "ack", value: { throughSeq: 1n } });
    socket.drop(code);
    await vi.advanceTimersByTimeAsync(250);
    expect(sockets).toHaveLength(10);
  },
);

test.each([
  [CloseCode.FORBIDDEN, "forbidden", "failed"],
  [CloseCode.NOT_FOUND, "not_found", "failed"],
  [CloseCode.BAD_MESSAGE, "bad_message", "failed"],
  [CloseCode.BAD_MESSAGE, "session_deleted", "stopped"],
  [CloseCode.BAD_MESSAGE, "recording_stopped", "stopped"],
])("%d %s: it ends", async (code, word, what) => {
  (await connected()).drop(code, word);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.at(-1)).toBe(what);
  expect(sockets).toHaveLength(1);
  expect(notices.all.some(({ code }) => code === "refused")).toBe(what === "failed");
});

test("over a quota it keeps its chunks, and sends them after the delay that it was given", async () => {
  uploader.push(packed(1, 1));
  (await connected()).drop(CloseCode.RATE_LIMITED, "quota_exceeded; retry_after_s=1800");
  await vi.advanceTimersByTimeAsync(1_800_000);
  expect(sockets).toHaveLength(1);
  expect(notices.all.map(({ code }) => code)).toEqual(["quota_exceeded"]);
  await vi.advanceTimersByTimeAsync(250);
  expect(sockets).toHaveLength(2);
  const socket = opened(1);
  expect(socket.seqs).toEqual([1]);
  socket.answer({ case: "ack", value: { throughSeq: 1n } });
  expect(notices.all).toEqual([]);
  expect(told).not.toContain("failed");
});

test("a session that is full ends the upload, and is reported", async () => {
  uploader.push(packed(1, 1));
  (await connected()).drop(CloseCode.RATE_LIMITED, "session_full");
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(told.at(-1)).toBe("full");
  expect(uploader.isOver).toBe(true);
  expect(sockets).toHaveLength(1);
  expect(queue.entries).toHaveLength(1);
});

test.each([
  [CloseCode.BAD_MESSAGE, "window_ended", "window ended"],
  [CloseCode.FORBIDDEN, "session_secret_wrong", "disowned"],
  [CloseCode.FORBIDDEN, "session_secret_missing", "disowned"],
])("%d %s: it ends without a notice, and the recorder goes on elsewhere", async (code, word, event) => {
  uploader.push(packed(1, 1));
  (await connected()).drop(code, word);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.at(-1)).toBe(event);
  expect(sockets).toHaveLength(1);
  expect(uploader.isOver).toBe(true);
  expect(notices.all).toEqual([]);
});

test("start has the session's secret, on each connection", async () => {
  (await connected()).drop(CloseCode.GOING_AWAY);
  await vi.advanceTimersByTimeAsync(1000);
  opened(1);
  const secrets = sockets.map(
    ({ sent: [first] }) => first?.message.case === "start" && first.message.value.sessionSecret,
  );
  expect(secrets).toEqual(["the secret", "the secret"]);
});

test("a chunk that is refused for its times is reported at a time of the session", async () => {
  uploader.push(packed(1, 7));
  const socket = await connected();
  socket.reject(1, 1, RejectReason.INVALID_TIME);
  expect(told).toContain("dropped 7");
  const { message } = socket.sent.at(-1) ?? {};
  const [event] = JSON.parse(
    new TextDecoder().decode(message?.case === "chunk" ? message.value.payload : undefined),
  ) as [{ timestamp: number; data: { payload: { events: number; fromMs: number } } }];
  expect(event.timestamp).toBe(SESSION_MS);
  expect(event.data.payload).toMatchObject({ events: 7, fromMs: 1000 });
});

test("a window that is taken over once is taken back; repeatedly, it is abandoned", async () => {
  let socket = await connected();
  for (let times = 0; times < 3; times += 1) {
    socket.drop(CloseCode.SUPERSEDED, "superseded");
    expect(told).not.toContain("contested");
    await vi.advanceTimersByTimeAsync(10_000);
    socket = opened(1);
  }
  socket.drop(CloseCode.SUPERSEDED, "superseded");
  await settle();
  expect(told.at(-1)).toBe("contested");
});

test("a frame that is too large is split before it is sent again", async () => {
  vi.useRealTimers();
  uploader.push(packed(1, 1), packed(2, 600));
  uploader.connect();
  await vi.waitFor(() => {
    expect(sockets).toHaveLength(1);
  });
  opened(1).drop(CloseCode.TOO_LARGE, "too_large");
  await vi.waitFor(() => {
    expect(sockets).toHaveLength(2);
  });
  expect(opened(1).seqs).toEqual([1, 2, 3]);
  expect(queue.entries.map((entry) => entry.events)).toEqual([1, 300, 300]);
});

test("a connection that is silent while chunks are in flight is closed", async () => {
  const socket = await connected();
  uploader.push(packed(1, 1));
  await vi.advanceTimersByTimeAsync(29_000);
  expect(sockets).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2000);
  expect(socket.readyState).toBe(3);
  expect(opened(1).seqs).toEqual([1]);
});

test("a chunk that is too large, and cannot be unpacked, is reported instead of sent for ever", async () => {
  vi.useRealTimers();
  vi.stubGlobal("DecompressionStream", function () {
    throw new Error("no");
  });
  uploader.push(packed(1, 600));
  uploader.connect();
  await vi.waitFor(() => {
    expect(sockets).toHaveLength(1);
  });
  opened(1).reject(1, 1, RejectReason.TOO_LARGE);
  await vi.waitFor(() => {
    expect(queue.entries.map((entry) => entry.loss?.events)).toEqual([600]);
  });
});

test("acknowledged means: a chunk was acknowledged, and none waits for long", async () => {
  const socket = await connected();
  expect(uploader.isAcknowledged).toBe(false);
  uploader.push(packed(1, 1));
  expect(uploader.isAcknowledged).toBe(false);
  socket.answer({ case: "ack", value: { throughSeq: 1n } });
  expect(uploader.isAcknowledged).toBe(true);
  uploader.push(packed(2, 1));
  await vi.advanceTimersByTimeAsync(7000);
  expect(uploader.isAcknowledged).toBe(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(uploader.isAcknowledged).toBe(false);
  socket.answer({ case: "ack", value: { throughSeq: 2n } });
  expect(uploader.isAcknowledged).toBe(true);
});

test("a connection without chunks in flight may be silent forever", async () => {
  const socket = await connected();
  uploader.push(packed(1, 1));
  socket.answer({ case: "ack", value: { throughSeq: 1n } });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sockets).toHaveLength(1);
});

test("it finishes when all chunks are stored, and reports it", async () => {
  uploader.push(packed(1, 1));
  const socket = await connected();
  uploader.finish();
  expect(socket.sent.at(-1)?.message.case).toBe("chunk");
  socket.answer({ case: "ack", value: { throughSeq: 1n } });
  expect(socket.sent.at(-1)?.message).toMatchObject({ case: "end", value: { lastSeq: 1n } });
  socket.drop(CloseCode.DONE, "done");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(uploader.isOver).toBe(true);
  expect(sockets).toHaveLength(1);
});
