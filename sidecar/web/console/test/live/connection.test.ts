import { describe, expect, it } from "vitest";
import { problem } from "../../src/api/errors";
import { connectionOf } from "../../src/live/connection";

describe("the connection's state", () => {
  it("is live only once the sessions are known", () => {
    expect(connectionOf({ kind: "open" }, false, true)).toEqual({ kind: "connecting" });
    expect(connectionOf({ kind: "open" }, true, true)).toEqual({ kind: "live" });
  });

  it("reports the time of the next attempt", () => {
    const waiting = { kind: "waiting", failures: 2, problem: problem("unavailable"), untilMs: 5000 } as const;
    expect(connectionOf(waiting, false, true)).toEqual({ kind: "reconnecting", atMs: 5000 });
    expect(connectionOf(waiting, false, false)).toEqual({ kind: "offline" });
    expect(connectionOf({ kind: "connecting", failures: 2 }, false, true)).toEqual({
      kind: "reconnecting",
      atMs: null,
    });
  });

  it("distinguishes failures that may be retried from final ones", () => {
    expect(connectionOf({ kind: "failed", problem: problem("unavailable") }, false, true).kind).toBe("given-up");
    expect(connectionOf({ kind: "failed", problem: problem("signed-out") }, false, true).kind).toBe("refused");
  });
});
