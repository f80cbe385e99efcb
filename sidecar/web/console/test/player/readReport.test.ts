import { describe, expect, it } from "vitest";
import { LONGEST_TEXT, type Report } from "../../src/player/protocol";
import { readReport } from "../../src/player/readReport";

const facts = {
  windowId: "w",
  seq: 1,
  rawBytes: 10,
  activeMs: [1, 2],
  consoleRows: [{ timeMs: 1, windowId: "w", level: "warn", text: "t", source: "" }],
  networkRows: [{ timeMs: 1, reportedMs: 6, windowId: "w", method: "GET", url: "/", status: 200, durationMs: 5 }],
  oddEvents: [{ windowId: "w", seq: 1, index: 3, timeMs: 1, reason: "no-data", isPart: false }],
} as const;

const reports: Report[] = [
  { type: "ready" },
  { type: "shown", order: 1, atMs: 2, hasPicture: true, drawnMs: 3 },
  { type: "time", order: 1, atMs: 2, hasPicture: false },
  { type: "paused", order: 1, atMs: 2, hasPicture: true },
  { type: "size", width: 1280, height: 720 },
  {
    type: "facts",
    stage: 1,
    facts: {
      ...facts,
      activeMs: [1, 2],
      consoleRows: [...facts.consoleRows],
      networkRows: [...facts.networkRows],
      oddEvents: [...facts.oddEvents],
    },
  },
  { type: "odd", oddEvent: { ...facts.oddEvents[0], isPart: true } },
  { type: "missing", missing: { pictures: 1, fonts: 2, sheets: 0, media: 3, hosts: ["shop.example"] } },
  { type: "fault", fault: "unreadable", message: "m" },
];

describe("readReport", () => {
  it.each(reports.map((report) => [report.type, report]))("accepts %s, without other fields", (_, report) => {
    expect(readReport({ ...report, extra: "x" })).toEqual(report);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "ready"],
    ["an unknown kind", { type: "navigate", url: "https://elsewhere.example/" }],
    ["a kind of an object's own", { type: "constructor" }],
    ["a moment that is not a number", { type: "shown", order: 1, atMs: "2", hasPicture: true, drawnMs: 3 }],
    ["a picture without its time", { type: "shown", order: 1, atMs: 2, hasPicture: true }],
    ["a moment that is not finite", { type: "time", order: 1, atMs: Infinity }],
    ["no order", { type: "time", atMs: 1 }],
    ["a negative size", { type: "size", width: -1, height: 720 }],
    ["an unknown fault", { type: "fault", fault: "x", message: "m" }],
    ["a message that is an object", { type: "fault", fault: "unreadable", message: {} }],
    ["a text that is too long", { type: "fault", fault: "unreadable", message: "x".repeat(LONGEST_TEXT + 1) }],
    ["no facts", { type: "facts", stage: 1 }],
    ["times that are no list", { type: "facts", stage: 1, facts: { ...facts, activeMs: { length: 1 } } }],
    ["a time that is not a number", { type: "facts", stage: 1, facts: { ...facts, activeMs: [NaN] } }],
    ["rows that are no list", { type: "facts", stage: 1, facts: { ...facts, consoleRows: "rows" } }],
    ["an unknown level", { type: "facts", stage: 1, facts: { ...facts, consoleRows: [{ level: "x" }] } }],
    ["an unknown reason", { type: "odd", oddEvent: { ...facts.oddEvents[0], reason: "<b>" } }],
    ["an odd event that is null", { type: "odd", oddEvent: null }],
    ["odd events that are no list", { type: "facts", stage: 1, facts: { ...facts, oddEvents: {} } }],
    ["a row that is null", { type: "facts", stage: 1, facts: { ...facts, networkRows: [null] } }],
  ])("refuses %s", (_, message) => {
    expect(readReport(message)).toBeNull();
  });
});
