import { afterEach, expect, test, vi } from "vitest";
import { ErrorBoundary } from "../../src/support/errorBoundary";
import { Notices } from "../../src/support/status";
import { HttpTransport } from "../../src/transport/http";
import { CloseCode, type Closing, readReason } from "../../src/transport/transport";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Opens a transport to a server with this response; returns its close and the number of requests. */
async function closingOf(answer: () => Response): Promise<[Closing, number]> {
  let asked = 0;
  vi.stubGlobal("fetch", () => {
    asked += 1;
    return Promise.resolve(answer());
  });
  const nothing = (): void => undefined;
  const closing = await new Promise<Closing>((resolve) => {
    const events = { onReady: nothing, onAck: nothing, onRejected: nothing, onCommand: nothing, onClosed: resolve };
    new HttpTransport(
      "https://recorder.example/",
      "token",
      new Uint8Array(1),
      events,
      new ErrorBoundary(new Notices()),
    );
  });
  await new Promise((resolve) => setTimeout(resolve));
  return [closing, asked];
}

test.each([
  ["nothing at all", () => new Response("")],
  ["a page", () => new Response("<html>Welcome</html>")],
])("after a response of %s there is no second request", async (_, answer) => {
  expect(await closingOf(answer)).toEqual([expect.objectContaining({ code: CloseCode.BROKEN, wasReady: false }), 1]);
});

test("a status is reported as a close code, with the delay of a retry", async () => {
  const busy = (): Response => new Response("", { status: 429, headers: { "Retry-After": "3" } });
  expect(await closingOf(busy)).toEqual([
    { code: CloseCode.RATE_LIMITED, word: "http_429", wasOpen: true, wasReady: false, retryAfterMs: 3000 },
    1,
  ]);
});

test("the reason in the body of an error is its word", async () => {
  const body = JSON.stringify({ code: "resource_exhausted", details: [{ debug: { reason: "SESSION_FULL" } }] });
  const full = (): Response => new Response(body, { status: 429, headers: { "Retry-After": "3600" } });
  const [closing] = await closingOf(full);
  expect(closing).toMatchObject({ code: CloseCode.RATE_LIMITED, word: "session_full", retryAfterMs: 3_600_000 });
});

test.each([
  ["quota_exceeded; retry_after_s=60", { word: "quota_exceeded", retryAfterMs: 60_000 }],
  ["slow", { word: "slow" }],
  ["", { word: "" }],
  ["x; retry_after_s=-1", { word: "x" }],
  ["x; retry_after_s=1e9", { word: "x" }],
  ["x; retry_after_s=99999999", { word: "x" }],
])("the reason of a close frame: %s", (reason, expected) => {
  expect(readReason(reason)).toEqual(expected);
});

test.each([
  [403, "SESSION_SECRET_WRONG", CloseCode.FORBIDDEN],
  [400, "WINDOW_ENDED", CloseCode.BAD_MESSAGE],
])("the reason of an error %d is its word: %s", async (status, reason, code) => {
  const body = { code: "x", message: "y", details: [{ type: "google.rpc.ErrorInfo", value: "", debug: { reason } }] };
  const [closing] = await closingOf(() => new Response(JSON.stringify(body), { status }));
  expect(closing).toMatchObject({ code, word: reason.toLowerCase() });
});

test.each(["", "<html>", "null", "[]", '{"details":[]}', '{"details":[null]}', '{"details":[{"debug":{"reason":7}}]}'])(
  "an error without a reason has its status as the word: %s",
  async (body) => {
    expect((await closingOf(() => new Response(body, { status: 403 })))[0].word).toBe("http_403");
  },
);
