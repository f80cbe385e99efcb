import { describe, expect, it } from "vitest";
import { timeLeftLabel, lifetimeMs, waitLabel } from "../../src/share/lifetime";

describe("a lifetime", () => {
  it.each([
    ["90", "minutes", 5_400_000],
    ["1.5", "hours", 5_400_000],
    ["1,5", "hours", 5_400_000],
    [" 2 ", "days", 172_800_000],
  ] as const)("%j %s", (amount, unit, ms) => {
    expect(lifetimeMs(amount, unit)).toBe(ms);
  });

  it.each(["", " ", "0", "-1", "soon", "1e999"])("%j is none", (amount) => {
    expect(lifetimeMs(amount, "days")).toBeUndefined();
  });
});

it.each([
  [59_999, "under a minute"],
  [60_000, "1 minute"],
  [3_600_000, "1 hour"],
  [2 * 86_400_000 + 3 * 3_600_000 + 60_000, "2 days 3 hours"],
  [86_400_000 + 120_000, "1 day 2 minutes"],
])("time left: %d ms", (ms, words) => {
  expect(timeLeftLabel(ms)).toBe(words);
});

it.each([
  [0, "1 s"],
  [7_001, "8 s"],
  [99_000, "99 s"],
  [101_000, "2 min"],
])("how long to wait: %d ms", (ms, words) => {
  expect(waitLabel(ms)).toBe(words);
});
