import { describe, expect, it } from "vitest";
import { Activity, isNear, pauseAt, windowAt } from "../../src/player/activity";

const START = 1_800_000_000_000;
const at = (second: number): number => START + second * 1000;
const made = (...done: [windowId: string, second: number][]): Activity => {
  const activity = new Activity(START);
  for (const [windowId, second] of done) {
    activity.add(windowId, at(second));
  }
  return activity;
};

describe("pauses", () => {
  it("are those longer than ten seconds, with a second left at each end", () => {
    const activity = made(["a", 0], ["a", 5], ["a", 30], ["a", 41]);
    expect(activity.pauses({ fromMs: at(0), toMs: at(45) })).toEqual([{ fromMs: at(7), toMs: at(29) }]);
  });

  it("count before the first thing done and after the last", () => {
    expect(made(["a", 20]).pauses({ fromMs: at(0), toMs: at(60) })).toEqual([
      { fromMs: at(1), toMs: at(19) },
      { fromMs: at(22), toMs: at(59) },
    ]);
  });

  it("do not occur where any window is active", () => {
    const activity = made(["a", 0], ["b", 8], ["a", 16], ["b", 24]);
    expect(activity.pauses({ fromMs: at(0), toMs: at(30) })).toEqual([]);
  });

  it("are found by a moment in them", () => {
    const pauses = [{ fromMs: at(7), toMs: at(29) }];
    expect(pauseAt(pauses, at(7))).toBe(pauses[0]);
    expect(pauseAt(pauses, at(29))).toBeUndefined();
    const [pause] = pauses;
    const near = [5.9, 6, 7, 20].map((second) => pause !== undefined && isNear(pause, at(second)));
    expect(near).toEqual([false, true, true, true]);
  });
});

describe("histogram", () => {
  it("sums by equal parts of the span", () => {
    const activity = made(["a", 0], ["a", 1], ["b", 1], ["a", 9]);
    expect(activity.histogram({ fromMs: at(0), toMs: at(10) }, 5)).toEqual([3, 0, 0, 0, 1]);
  });

  it("leaves out activity outside of the span", () => {
    expect(made(["a", 0], ["a", 50]).histogram({ fromMs: at(10), toMs: at(20) }, 2)).toEqual([0, 0]);
  });

  it("is not raised by the facts of a chunk about the same activity", () => {
    const activity = made(["a", 0], ["a", 0]);
    for (let again = 0; again < 5; again += 1) {
      activity.mark("a", at(0));
    }
    activity.mark("a", at(9));
    expect(activity.histogram({ fromMs: at(0), toMs: at(10) }, 2)).toEqual([2, 1]);
  });

  it("does not depend on the order of actions and of the facts of their chunk", () => {
    const activity = new Activity(at(0));
    activity.mark("a", at(0));
    activity.add("a", at(0));
    activity.add("a", at(0));
    activity.mark("a", at(0));
    expect(activity.histogram({ fromMs: at(0), toMs: at(1) }, 1)).toEqual([2]);
  });

  it("takes times outside of any session", () => {
    const activity = made(["a", -100], ["a", 500_000]);
    expect(activity.histogram({ fromMs: at(0), toMs: at(10) }, 1)).toEqual([1]);
  });
});

describe("segments", () => {
  const windows = [
    { windowId: "a", fromMs: at(0) },
    { windowId: "b", fromMs: at(10) },
  ];

  it("follow the window in use, which stays in use while anything is done in it", () => {
    const activity = made(["a", 1], ["b", 11], ["a", 12], ["b", 12], ["a", 13], ["a", 20]);
    expect(activity.segments(windows)).toEqual([
      { fromMs: at(0), windowId: "a" },
      { fromMs: at(10), windowId: "b" },
      { fromMs: at(13), windowId: "a" },
    ]);
  });

  it("begin with the session, and hold at any moment", () => {
    const segments = made(["a", 5]).segments([]);
    expect(segments).toEqual([{ fromMs: at(0), windowId: "a" }]);
    expect(windowAt(segments, at(-5))).toBe("a");
    expect(windowAt([], at(0))).toBeUndefined();
  });

  it("know a window in which nothing was done", () => {
    expect(
      made()
        .segments(windows)
        .map((segment) => segment.windowId),
    ).toEqual(["a", "b"]);
  });
});
