import { describe, expect, it } from "vitest";
import { FrameClock } from "../../src/render/frameClock";

interface Realm {
  performance: { now: () => number };
  requestAnimationFrame: (run: (ms: number) => void) => number;
  cancelAnimationFrame: (number: number) => void;
  setTimeout: (run: () => void, ms?: number) => number;
  clearTimeout: (number?: number) => void;
}

const taken = (): { clock: FrameClock; realm: Realm } => {
  const clock = new FrameClock();
  const realm = { performance: { now: () => 0 }, setTimeout, clearTimeout } as unknown as Realm;
  clock.takeOver(realm as unknown as Window);
  return { clock, realm };
};

describe("the clock of frames", () => {
  it("stands still between frames", () => {
    const { clock, realm } = taken();
    clock.jumpTo(5_000);
    expect(realm.performance.now()).toBe(5_000);
    clock.advanceTo(5_100);
    expect(realm.performance.now()).toBe(5_100);
  });

  it("runs timers at their times, in their order, also those that timers set", () => {
    const { clock, realm } = taken();
    const seen: [string, number][] = [];
    const note = (name: string) => () => {
      seen.push([name, realm.performance.now()]);
    };
    realm.setTimeout(note("late"), 900);
    realm.setTimeout(() => {
      note("early")();
      realm.setTimeout(note("after early"), 100);
    }, 300);
    const cleared = realm.setTimeout(note("never"), 500);
    realm.clearTimeout(cleared);
    realm.setTimeout(note("too late"), 1_001);
    clock.advanceTo(1_000);
    expect(seen).toEqual([
      ["early", 300],
      ["after early", 400],
      ["late", 900],
    ]);
  });

  it("runs each animation frame once, and those that it asks for in the next", () => {
    const { clock, realm } = taken();
    const seen: number[] = [];
    const again = (ms: number): void => {
      seen.push(ms);
      realm.requestAnimationFrame(again);
    };
    realm.requestAnimationFrame(again);
    realm.cancelAnimationFrame(
      realm.requestAnimationFrame(() => {
        seen.push(-1);
      }),
    );
    clock.advanceTo(100);
    clock.advanceTo(200);
    expect(seen).toEqual([100, 200]);
  });

  it("does not hold timers without a delay", async () => {
    const { realm } = taken();
    await new Promise<void>((resolve) => {
      realm.setTimeout(resolve, 0);
    });
    await new Promise<void>((resolve) => {
      realm.setTimeout(resolve);
    });
  });
});
