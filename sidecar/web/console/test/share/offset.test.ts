import { describe, expect, it } from "vitest";
import { offsetText, parseOffset } from "../../src/share/offset";

describe("a moment of a session", () => {
  it.each([
    ["1:23", 83_000],
    ["1:02:03", 3_723_000],
    ["83", 83_000],
    ["83.5 s", 83_500],
    ["0:07,5", 7_500],
    ["0", 0],
  ])("%j is read", (text, ms) => {
    expect(parseOffset(text)).toBe(ms);
  });

  it("may be left out", () => {
    expect(parseOffset("  ")).toBeUndefined();
  });

  it.each(["1:", ":5", "-3", "soon", "1:2:3:4"])("%j is none", (text) => {
    expect(parseOffset(text)).toBeNaN();
  });

  it("is read back as it is written, to a tenth of a second", () => {
    for (const ms of [0, 7_500, 59_900, 83_000, 3_599_900, 3_723_000]) {
      expect(parseOffset(offsetText(ms))).toBe(ms);
    }
    expect(offsetText(3_723_000)).toBe("1:02:03");
    expect(offsetText(59_960)).toBe("1:00");
  });
});
