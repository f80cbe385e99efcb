import { describe, expect, it } from "vitest";
import { failureInWords } from "../../src/shell/failure";

describe("a page that fails", () => {
  it("says when its files are gone", () => {
    const gone = new TypeError("Failed to fetch dynamically imported module: /assets/PlayerPage-x.js");
    expect(failureInWords(gone).advice).toMatch(/was updated/);
  });

  it("says what was thrown, for whoever is told of it", () => {
    expect(failureInWords(new RangeError("no such row"))).toMatchObject({ reference: "RangeError: no such row" });
    expect(failureInWords("x".repeat(10_000)).reference?.length).toBeLessThan(400);
  });
});
