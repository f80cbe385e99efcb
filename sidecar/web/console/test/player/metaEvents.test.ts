import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { MetaEvents } from "../../src/player/frame/metaEvents";

const meta = (timestamp: number, width = 800): eventWithTime => ({
  type: EventType.Meta,
  data: { href: "", width, height: 600 },
  timestamp,
});
const snapshot = (timestamp: number): eventWithTime =>
  ({
    type: EventType.FullSnapshot,
    data: { node: {}, initialOffset: { top: 0, left: 0 } },
    timestamp,
  }) as eventWithTime;
const custom = (timestamp: number): eventWithTime => ({
  type: EventType.Custom,
  data: { tag: "t", payload: {} },
  timestamp,
});
const resized = (timestamp: number, width = 800): eventWithTime => ({
  type: EventType.IncrementalSnapshot,
  data: { source: IncrementalSource.ViewportResize, width, height: 600 },
  timestamp,
});

describe("a Meta event", () => {
  it("comes directly before its snapshot, at its time", () => {
    const events = [meta(10), custom(11), snapshot(500), custom(501)];
    expect(new MetaEvents().withSnapshots(events)).toEqual([custom(11), meta(500), snapshot(500), custom(501)]);
  });

  it("waits for a snapshot in the next chunk", () => {
    const window = new MetaEvents();
    expect(window.withSnapshots([custom(9), meta(10)])).toEqual([custom(9)]);
    expect(window.withSnapshots([])).toEqual([]);
    expect(window.withSnapshots([snapshot(12)])).toEqual([meta(12), snapshot(12)]);
  });

  it("without a snapshot changes the viewport only", () => {
    const window = new MetaEvents();
    expect(window.withSnapshots([meta(10), meta(20), snapshot(21)])).toEqual([resized(10), meta(21), snapshot(21)]);
    expect(window.withSnapshots([custom(30), meta(31)])).toEqual([custom(30)]);
    expect(window.withSnapshots([custom(32)])).toEqual([custom(32), resized(31)]);
  });

  it("is not changed itself", () => {
    const [original, full] = [meta(10), snapshot(20)];
    new MetaEvents().withSnapshots([original, full]);
    expect(original.timestamp).toBe(10);
  });
});
