import { EventType, type eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { readFacts } from "../../src/player/frame/facts";

const event = (type: EventType, data: unknown, timestamp = 1_000): eventWithTime =>
  ({ type, data, timestamp }) as eventWithTime;
const plugin = (name: string, payload: unknown): eventWithTime => event(EventType.Plugin, { plugin: name, payload });

describe("readFacts", () => {
  it("reads messages of the console", () => {
    const { consoleRows } = readFacts("w", 1, [
      plugin("rrweb/console@1", {
        level: "error",
        trace: ["at pay (https://shop.example/shop.js:3:7)"],
        payload: ['"it failed:"', '{"code":7}'],
      }),
    ]);
    expect(consoleRows).toEqual([
      {
        timeMs: 1_000,
        windowId: "w",
        level: "error",
        text: 'it failed: {"code":7}',
        source: "at pay (https://shop.example/shop.js:3:7)",
      },
    ]);
  });

  it("reads requests", () => {
    const { networkRows } = readFacts("w", 1, [
      plugin("rrweb/network@1", {
        requests: [
          { name: "https://shop.example/api", method: "POST", status: 500, startTime: 10, endTime: 35 },
          { name: "https://shop.example/x" },
          { name: "https://shop.example/lost", initiatorType: "xmlhttprequest", status: 0 },
          { name: "https://pictures.example/a.png", initiatorType: "img", status: 0 },
          { name: "https://shop.example/old", initiatorType: "fetch", responseStatus: 404 },
        ],
      }),
    ]);
    expect(networkRows).toMatchObject([
      { method: "POST", url: "https://shop.example/api", status: 500, durationMs: 25 },
      { method: "", url: "https://shop.example/x", status: null, durationMs: 0 },
      { url: "https://shop.example/lost", status: 0 },
      // Another origin's picture has 0 although it was loaded.
      { url: "https://pictures.example/a.png", status: null },
      { url: "https://shop.example/old", status: 404 },
    ]);
  });

  it("has no status of a fetch to another origin than that of the page before the chunk, or in it", () => {
    const requests = ["shop", "other"].map((host) => ({
      name: `https://${host}.example/a`,
      initiatorType: "fetch",
      status: 0,
    }));
    const network = plugin("rrweb/network@1", { requests });
    const meta = event(EventType.Meta, { href: "https://other.example/", width: 1, height: 1 });
    const statuses = (page?: string): (number | null)[] =>
      readFacts("w", 1, [network, meta, network], [], page).networkRows.map(({ status }) => status);
    expect(statuses("https://shop.example/cart")).toEqual([0, null, null, 0]);
    expect(statuses()).toEqual([null, null, null, 0]);
  });

  it("has the times at which a request began and was reported", () => {
    const requests = [{ name: "/a", timestamp: 900 }, { name: "/b" }];
    const { networkRows } = readFacts("w", 1, [plugin("rrweb/network@1", { requests })], [50]);
    expect(networkRows).toMatchObject([
      { timeMs: 950, reportedMs: 1_000 },
      { timeMs: 1_000, reportedMs: 1_000 },
    ]);
  });

  it("knows the visitor's doings from the page's", () => {
    const sources = [0, 1, 2, 3, 4, 5, 6, 8];
    const { activeMs } = readFacts(
      "w",
      1,
      sources.map((source) => event(EventType.IncrementalSnapshot, { source }, source)),
    );
    expect(activeMs).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([[null], [7], ["text"], [{ payload: 7, trace: "x", level: {} }], [{ requests: [null, 7, {}] }]])(
    "takes any payload: %j",
    (payload) => {
      expect(() =>
        readFacts("w", 1, [plugin("rrweb/console@1", payload), plugin("rrweb/network@1", payload)]),
      ).not.toThrow();
    },
  );

  it("keeps no text without end", () => {
    const { consoleRows } = readFacts("w", 1, [
      plugin("rrweb/console@1", { level: "log", payload: [JSON.stringify("x".repeat(100_000))] }),
    ]);
    expect(consoleRows[0]?.text.length).toBeLessThan(2_100);
  });
});
