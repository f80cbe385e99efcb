import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EventType, type eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { failedRequest, hasFailed, pathIn, readFailedRequest } from "../../src/player/failedRequests";
import { readFacts } from "../../src/player/frame/facts";

interface Case {
  name: string;
  /** URL of the page; none: not known. */
  page?: string;
  request: unknown;
  /** As the server stores it; null: it has not failed. */
  failed: string | null;
}

// The server's tests run them too.
const CASES = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../../../tests/support/failed_requests.json"), "utf8"),
) as Case[];

describe("a failed request", () => {
  it.each(CASES.map((one) => [one.name, one]))("is the server's: %s", (_, { page, request, failed }) => {
    const data = { plugin: "rrweb/network@1", payload: { requests: [request] } };
    const event = { type: EventType.Plugin, timestamp: 1_000, data } as eventWithTime;
    const meta = { type: EventType.Meta, timestamp: 1_000, data: { href: page, width: 1, height: 1 } } as eventWithTime;
    const { networkRows } = readFacts("w", 1, [...(page === undefined ? [] : [meta]), event]);
    const found = networkRows.filter(hasFailed);
    const expected = failed === null ? null : readFailedRequest(failed);
    expect(found.map(({ method, url, status }) => failedRequest(method, url, status))).toEqual(
      expected === null ? [] : [expected],
    );
  });

  it.each([
    ["GET shop.example/api/cart 500", { method: "GET", address: "shop.example/api/cart", status: 500 }],
    ["/api/cart 0", { method: "", address: "/api/cart", status: 0 }],
    ["GET 500", { method: "GET", address: "", status: 500 }],
    ["404", { method: "", address: "", status: 404 }],
    ["a form of later versions", null],
    ["", null],
  ])("is read from %j", (detail, request) => {
    expect(readFailedRequest(detail)).toEqual(request);
  });

  it.each([
    ["shop.example/api/cart", "/api/cart"],
    ["shop.example/", "/"],
    ["/api", "/api"],
    ["shop.example", "shop.example"],
  ])("of %s has the path %s", (address, path) => {
    expect(pathIn(address)).toBe(path);
  });
});
