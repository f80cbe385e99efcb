import { describe, expect, it } from "vitest";
import { failureOf } from "../../src/shell/failure";

describe("a page that fails", () => {
  it.each([
    new TypeError("Failed to fetch dynamically imported module: /assets/PlayerPage-x.js"),
    new TypeError("error loading dynamically imported module: /assets/PlayerPage-x.js"),
    new TypeError("Importing a module script failed."),
    new Error("Unable to preload CSS for /assets/PlayerPage-x.css"),
  ])("reports missing files: %s", (gone) => {
    expect(failureOf(gone).advice).toMatch(/was updated/);
  });

  it("reports the thrown error, for support", () => {
    expect(failureOf(new RangeError("no such row"))).toMatchObject({ reference: "RangeError: no such row" });
    expect(failureOf("x".repeat(10_000)).reference?.length).toBeLessThan(400);
  });
});
