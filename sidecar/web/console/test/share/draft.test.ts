import { durationMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { EMPTY_DRAFT, requestOf } from "../../src/share/draft";

const SESSION = "018f0000-0000-7000-8000-000000000000";

describe("a draft", () => {
  it("without changes is a link of a day to the whole session", () => {
    const request = requestOf(SESSION, EMPTY_DRAFT);
    expect(request).toMatchObject({ sessionId: SESSION, passcode: "", label: "", allowDownload: false });
    if ("problems" in request) {
      throw new Error("it is refused");
    }
    expect(request.ttl && durationMs(request.ttl)).toBe(86_400_000);
    expect([request.maxViews, request.startOffset, request.endOffset]).toEqual([undefined, undefined, undefined]);
  });

  it("becomes a request with all that was filled in", () => {
    const draft = { ...EMPTY_DRAFT, lifetime: "custom", amount: "90", unit: "minutes" } as const;
    const request = requestOf(SESSION, { ...draft, maxViews: "5", start: "0:10", end: "1:00", passcode: " a b " });
    if ("problems" in request) {
      throw new Error("it is refused");
    }
    expect(request).toMatchObject({ maxViews: 5n, passcode: " a b " });
    expect([request.ttl, request.startOffset, request.endOffset].map((one) => one && durationMs(one))).toEqual([
      5_400_000, 10_000, 60_000,
    ]);
  });

  it("reports all values that are not numbers or times, each at its field", () => {
    const wrong = { lifetime: "custom", amount: "long", maxViews: "1.5", start: "early", end: "1:" } as const;
    const refused = requestOf(SESSION, { ...EMPTY_DRAFT, ...wrong });
    expect("problems" in refused && Object.keys(refused.problems).sort()).toEqual(["end", "maxViews", "start", "ttl"]);
  });

  it("leaves bounds to the server, which knows them", () => {
    expect(requestOf(SESSION, { ...EMPTY_DRAFT, maxViews: "0", end: "9:00:00" })).not.toHaveProperty("problems");
  });
});
