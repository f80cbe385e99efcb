import { describe, expect, it } from "vitest";
import { count, size } from "../../src/format/amounts";
import { clock, duration } from "../../src/format/time";

describe("times", () => {
  it.each([
    [0, "0:00"],
    [65_900, "1:05"],
    [3_729_000, "1:02:09"],
    [-5, "0:00"],
  ])("%i on a player's clock", (ms, text) => {
    expect(clock(ms)).toBe(text);
  });

  it.each([
    [340, "0.3 s"],
    [9_960, "10 s"],
    [42_000, "42 s"],
    [185_000, "3 min 5 s"],
    [1_800_000, "30 min"],
    [4_800_000, "1 h 20 min"],
  ])("%i in words", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe("amounts", () => {
  it("agree with their nouns", () => {
    expect(count(1n, "rage click")).toBe("1 rage click");
    expect(count(3, "rage click")).toBe("3 rage clicks");
    expect(count(0, "entry", "entries")).toBe("0 entries");
  });

  it("of bytes are rounded", () => {
    expect([340n, 12_345, 3_400_000].map(size)).toEqual(["340 bytes", "12.3 KB", "3.4 MB"]);
  });
});
