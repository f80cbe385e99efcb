import { afterEach, expect, test, vi } from "vitest";
import { TokenSource } from "../../src/transport/token";

afterEach(() => {
  vi.unstubAllGlobals();
});

function source(answer: () => Response): TokenSource {
  vi.stubGlobal("location", { origin: "https://shop.example" });
  vi.stubGlobal("fetch", () => Promise.resolve(answer()));
  return new TokenSource("https://recorder.example/", "pk_demo", () => 0);
}

test("a token is requested once, until shortly before its expiry", async () => {
  let asked = 0;
  const tokens = source(() => {
    asked += 1;
    return Response.json({ token: `t${asked}`, expiresInSeconds: 600 });
  });
  expect([await tokens.get(), await tokens.get()]).toEqual(["t1", "t1"]);
  tokens.forget();
  expect(await tokens.get()).toBe("t2");
});

test.each([
  ["an unknown key", new Response("", { status: 401 }), true],
  ["an origin that is not allowed", new Response("", { status: 403 }), true],
  ["an invalid request", new Response("", { status: 400 }), true],
  ["too many requests", new Response("", { status: 429 }), false],
  ["a server that failed", new Response("", { status: 500 }), false],
  ["a server that is away", new Response("", { status: 503 }), false],
  ["the page of a captive portal", new Response("<html>Welcome</html>"), false],
  ["JSON of something else", Response.json(null), false],
])("%s: final %o", async (_, response, isFinal) => {
  await expect(source(() => response).get()).rejects.toMatchObject({ isFinal });
});

test("a response with Retry-After is respected", async () => {
  const tokens = source(() => new Response("", { status: 429, headers: { "Retry-After": "7" } }));
  await expect(tokens.get()).rejects.toMatchObject({ retryAfterMs: 7000 });
});
