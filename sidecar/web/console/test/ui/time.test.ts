import { describe, expect, it } from "vitest";
import { clockText, lengthText } from "../../src/ui/time";

describe("lengths", () => {
  it.each([
    [0, "0:00", "0 seconds"],
    [999, "0:00", "0 seconds"],
    [-5, "0:00", "0 seconds"],
    [61_500, "1:01", "1 minute"],
    [3_599_000, "59:59", "59 minutes"],
    [3_600_000, "1:00:00", "1 hour"],
    [90_061_000, "25:01:01", "1 day"],
  ])("%i ms is %s, %s", (lengthMs, clock, words) => {
    expect(clockText(lengthMs)).toBe(clock);
    expect(lengthText(lengthMs)).toBe(words);
  });
});
