// The hook against a real WebSocket server, which behaves as the sidecar does.
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { WatchSessionsRequestSchema, WatchSessionsResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocketServer, type WebSocket as Peer } from "ws";
import { storeToken } from "../../src/api/token";
import {
  type RealTimeLimits,
  type RealTimeSessions,
  useRealTimeSessionsWebSocket,
} from "../../src/live/useRealTimeSessionsWebSocket";

/** Waits for something that must happen; its duration shows nothing. */
const until = <T,>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 20_000 });

vi.setConfig({ testTimeout: 30_000 });

const QUICK: Partial<RealTimeLimits> = { attempts: 3, firstDelayMs: 5, longestDelayMs: 20 };

let http: Server;
let sockets: WebSocketServer;
let peers: Peer[];
let asked: Buffer[];
/** Status of an upgrade; 101: accepted. */
let status: number;
let attempts: number;
let root: Root;
let seen: RealTimeSessions;
/** Values of `seen` after each change of the connection, in order: a state may be over before it is read. */
let history: RealTimeSessions[];

beforeEach(async () => {
  [peers, asked, status, attempts, history] = [[], [], 101, 0, []];
  sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "afterimage.v1" });
  http = createServer((_, response) => {
    response.writeHead(status === 101 ? 426 : status).end();
  });
  http.on("upgrade", (request, socket, head) => {
    attempts += 1;
    if (status !== 101) {
      socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (peer) => {
      expect(request.headers["sec-websocket-protocol"]).toContain("bearer.a-token");
      peer.on("message", (data: Buffer) => asked.push(data));
      peers.push(peer);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  (window as unknown as { happyDOM: { setURL: (url: string) => void } }).happyDOM.setURL(`http://127.0.0.1:${port}/`);
  storeToken("a-token");
  root = createRoot(document.createElement("div"));
});

afterEach(() => {
  root.unmount();
  sockets.close();
  for (const peer of peers) {
    peer.terminate();
  }
  http.close();
});

function watch(limits: Partial<RealTimeLimits>): void {
  function Watcher() {
    seen = useRealTimeSessionsWebSocket({ limits });
    if (history.at(-1)?.connection !== seen.connection) {
      history.push(seen);
    }
    return null;
  }
  root.render(<Watcher />);
}

/** Waits for connection `number` (from 1) and sends the server's messages over it. */
async function say(
  number: number,
  message: NonNullable<MessageInitShape<typeof WatchSessionsResponseSchema>["message"]>,
) {
  const peer = await until(() => {
    const found = peers[number - 1];
    if (found === undefined) {
      throw new Error(`there is no connection ${number} yet`);
    }
    return found;
  });
  peer.send(toBinary(WatchSessionsResponseSchema, create(WatchSessionsResponseSchema, { message })));
}

const snapshot = (...ids: string[]) =>
  ({ case: "snapshot", value: { sessions: ids.map((sessionId) => ({ sessionId })) } }) as const;
const shown = () => seen.sessions.map(({ session }) => session.sessionId).sort();

describe("useRealTimeSessionsWebSocket", () => {
  it("asks first, then shows the list and each change of it", async () => {
    watch(QUICK);
    await until(() => {
      expect(asked).toHaveLength(1);
    });
    expect(fromBinary(WatchSessionsRequestSchema, new Uint8Array(asked[0] ?? [1])).filter).toBeUndefined();
    expect(seen.connection.kind).toBe("connecting");
    await say(1, snapshot("a", "b"));
    await until(() => {
      expect(shown()).toEqual(["a", "b"]);
    });
    expect(seen.connection.kind).toBe("live");
    await say(1, { case: "upsert", value: { sessionId: "c" } });
    await say(1, { case: "removal", value: { sessionId: "a" } });
    await until(() => {
      expect(shown()).toEqual(["b", "c"]);
    });
  });

  it("reconnects after a break, without duplicates, and keeps showing the last known state until then", async () => {
    watch({ ...QUICK, firstDelayMs: 200, longestDelayMs: 200 });
    await say(1, snapshot("a", "b"));
    await until(() => {
      expect(seen.connection.kind).toBe("live");
    });
    peers[0]?.close(4503, "unavailable");
    await until(() => {
      expect(history.map(({ connection }) => connection.kind)).toContain("reconnecting");
    });
    expect(shown()).toEqual(["a", "b"]);
    await say(2, snapshot("b", "c"));
    await until(() => {
      expect(shown()).toEqual(["b", "c"]);
    });
    expect(seen.connection.kind).toBe("live");
  });

  it("gives up after the allowed attempts, and tries again on request", async () => {
    status = 503;
    watch(QUICK);
    await until(() => {
      expect(seen.connection.kind).toBe("given-up");
    });
    expect(attempts).toBe(3);
    status = 101;
    seen.retry();
    await say(1, snapshot("a"));
    await until(() => {
      expect(seen.connection.kind).toBe("live");
    });
  });

  it("does not retry after a refusal", async () => {
    status = 401;
    watch(QUICK);
    await until(() => {
      expect(seen.connection).toMatchObject({ kind: "refused", problem: { kind: "signed-out" } });
    });
    expect(attempts).toBe(1);
  });

  it("keeps at most the maximum number of sessions", async () => {
    watch({ ...QUICK, maxSessions: 2 });
    await say(1, snapshot("a", "b", "c"));
    await until(() => {
      expect(seen.sessions).toHaveLength(2);
    });
    expect(seen.leftOut).toBe(1);
  });

  it("opens a fresh connection when the network is back", async () => {
    watch(QUICK);
    await say(1, snapshot("a"));
    await until(() => {
      expect(seen.connection.kind).toBe("live");
    });
    window.dispatchEvent(new Event("online"));
    await say(2, snapshot("a"));
    await until(() => {
      expect(seen.connection.kind).toBe("live");
    });
    expect(shown()).toEqual(["a"]);
  });
});
