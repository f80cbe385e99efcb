import { describe, expect, it } from "vitest";
import { backoffMs } from "../../src/sockets/backoff";

const limits = { firstMs: 500, longestMs: 20_000, attempts: Infinity };

describe("backoffMs", () => {
  it("doubles its limit with each failure up to the longest", () => {
    const limit = (failures: number): number => backoffMs(failures, limits, 1);
    expect([1, 2, 3, 6, 7, 50, 2000].map(limit)).toEqual([500, 1000, 2000, 16_000, 20_000, 20_000, 20_000]);
  });

  it("is any time from none up to that limit", () => {
    expect(backoffMs(4, limits, 0)).toBe(0);
    expect(backoffMs(4, limits, 0.25)).toBe(1000);
  });
});
