import { describe, expect, it } from "vitest";
import { outcomeOfClose, outcomeOfStatus } from "../../src/sockets/closing";

describe("meaning of a close frame", () => {
  it("is complete at 1000", () => {
    expect(outcomeOfClose(1000)).toEqual({ kind: "done" });
  });

  it.each([1001, 1006, 4429, 4500, 4503])("comes back after %i", (code) => {
    expect(outcomeOfClose(code).kind).toBe("retry");
  });

  it.each([
    [4400, "bad-request"],
    [4401, "signed-out"],
    [4403, "forbidden"],
    [4404, "not-found"],
    [4409, "bad-request"],
    [4413, "bad-request"],
  ])("ends for good after %i", (code, kind) => {
    expect(outcomeOfClose(code)).toMatchObject({ kind: "failed", problem: { kind } });
  });
});

describe("meaning of a refused upgrade", () => {
  it("waits as long as requested", () => {
    expect(outcomeOfStatus(429, 7)).toMatchObject({ kind: "retry", afterMs: 7000 });
  });

  it("retries when the upgrade would have been accepted", () => {
    expect(outcomeOfStatus(426, null)).toMatchObject({ kind: "retry", problem: { kind: "unavailable" } });
  });

  it("ends for good when the token is invalid", () => {
    expect(outcomeOfStatus(401, null)).toMatchObject({ kind: "failed", problem: { kind: "signed-out" } });
  });
});
