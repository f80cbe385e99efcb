import { ReplaySessionRequestSchema, ReplaySessionResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openStream, type StreamState } from "../../src/sockets/stream";

/** A connection that the test closes. */
class Connection {
  static all: Connection[] = [];
  binaryType = "";
  onopen = () => undefined as unknown;
  onclose: (event: { code: number }) => void = () => undefined;
  constructor(
    readonly url: URL,
    readonly protocols: readonly string[],
  ) {
    Connection.all.push(this);
  }
  send(): void {
    // Sent messages are ignored.
  }
  close(): void {
    this.onclose({ code: 1000 });
  }
}

let token = "first";
const states: StreamState["kind"][] = [];

function open() {
  return openStream({
    path: "/ws/replay",
    request: ReplaySessionRequestSchema,
    response: ReplaySessionResponseSchema,
    credentials: { token: () => token },
    ask: () => create(ReplaySessionRequestSchema),
    onMessage: () => undefined,
    onState: ({ kind }) => states.push(kind),
  });
}

beforeEach(() => {
  vi.stubGlobal("WebSocket", Connection);
  [token, Connection.all, states.length] = ["first", [], 0];
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("resumes with a new token when the one it began with has expired", () => {
  open();
  Connection.all[0]?.onopen();
  token = "second";
  Connection.all[0]?.onclose({ code: 4401 });
  expect(Connection.all[1]?.protocols).toContain("bearer.second");
  expect(states).toEqual(["connecting", "open", "connecting"]);
});

it("fails when there is no other token", () => {
  open();
  Connection.all[0]?.onopen();
  Connection.all[0]?.onclose({ code: 4401 });
  expect(Connection.all).toHaveLength(1);
  expect(states.at(-1)).toBe("failed");
});
