import { describe, expect, it } from "vitest";
import { correction, LagMeter } from "../../src/player/liveEdge";

/** A chunk with one event. */
const chunk = (atMs: number): { firstMs: number; lastMs: number } => ({ firstMs: atMs, lastMs: atMs });

describe("keeping to the newest moment", () => {
  it.each([
    [0, { kind: "speed", speed: 1 }],
    [300, { kind: "speed", speed: 1.25 }],
    [1_000, { kind: "speed", speed: 2 }],
    [60_000, { kind: "jump", toMs: 100_000 }],
    [-300, { kind: "speed", speed: 0.8 }],
    [-5_000, { kind: "speed", speed: 0.5 }],
  ])("%i ms behind its place", (behindMs, expected) => {
    expect(correction(100_000, 100_000 - behindMs)).toEqual(expected);
  });

  it("plays on where its place is not known yet", () => {
    expect(correction(null, 100_000)).toEqual({ kind: "speed", speed: 1 });
  });

  it("stays behind by the recent delay of chunks, from their first event, with any clocks", () => {
    const meter = new LagMeter();
    meter.arrived(chunk(1_000), 90_000, false);
    expect(meter.placeMs(90_000)).toBeNull();
    meter.arrived({ firstMs: 98_000, lastMs: 99_900 }, 100_000, true);
    expect(meter.placeMs(200_000)).toBe(200_000 - 2_000 - 50);
    // A slow first one, from before the recorder knew of a viewer, is soon forgotten.
    for (const tookMs of [300, 250, 320]) {
      meter.arrived(chunk(100_000), 100_000 + tookMs, true);
    }
    expect(meter.placeMs(200_000)).toBe(200_000 - 300 - 50);
  });

  it("goes on while the visitor does nothing", () => {
    const meter = new LagMeter();
    meter.arrived(chunk(100_000), 100_200, true);
    expect(correction(meter.placeMs(160_000), 159_750)).toEqual({ kind: "speed", speed: 1 });
  });
});

describe("the lag", () => {
  it("is not known before a chunk has come", () => {
    expect(new LagMeter().lagMs(0, 1000)).toBeNull();
  });

  it("is the difference of two clocks that agree", () => {
    const meter = new LagMeter();
    meter.arrived(chunk(100_000), 100_200, true);
    expect(meter.lagMs(99_900, 100_500)).toBe(600);
  });

  it("is counted from the fastest chunk where the visitor's clock is wrong", () => {
    const meter = new LagMeter();
    meter.arrived(chunk(100_000), 3_700_300, true);
    meter.arrived(chunk(101_000), 3_701_100, true);
    expect(meter.lagMs(101_000, 3_701_600)).toBe(500);
  });

  it("is never negative", () => {
    const meter = new LagMeter();
    meter.arrived(chunk(100_000), 100_100, true);
    expect(meter.lagMs(200_000, 100_200)).toBe(0);
  });
});
