import { describe, expect, it } from "vitest";
import { correction, LagMeter } from "../../src/player/liveEdge";

describe("keeping to the newest moment", () => {
  it.each([
    [0, { kind: "speed", speed: 0.85 }],
    [300, { kind: "speed", speed: 1 }],
    [1_000, { kind: "speed", speed: 1.5 }],
    [60_000, { kind: "jump", toMs: 99_700 }],
    [-5_000, { kind: "speed", speed: 0.85 }],
  ])("%i ms behind", (behindMs, expected) => {
    expect(correction(100_000, 100_000 - behindMs)).toEqual(expected);
  });
});

describe("the lag", () => {
  it("is not known before a chunk has come", () => {
    expect(new LagMeter().lagMs(0, 1000)).toBeNull();
  });

  it("is the difference of two clocks that agree", () => {
    const meter = new LagMeter();
    meter.arrived(100_000, 100_200);
    expect(meter.lagMs(99_900, 100_500)).toBe(600);
  });

  it("is counted from the fastest chunk where the visitor's clock is wrong", () => {
    const meter = new LagMeter();
    meter.arrived(100_000, 3_700_300);
    meter.arrived(101_000, 3_701_100);
    expect(meter.lagMs(101_000, 3_701_600)).toBe(500);
  });

  it("is never negative", () => {
    const meter = new LagMeter();
    meter.arrived(100_000, 100_100);
    expect(meter.lagMs(200_000, 100_200)).toBe(0);
  });
});
