import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { InteractionSchema, type Interaction } from "@contract/recording/v1/interaction_pb";
import { describe, expect, it } from "vitest";
import { failedRequest } from "./interactions";
import type { ConsoleRow } from "../../src/player/protocol";
import { SessionData } from "../../src/player/sessionData";

const click = (timeMs: number): Interaction =>
  create(InteractionSchema, { kind: InteractionKind.CLICK, windowId: "w", time: timestampFromMs(timeMs) });
const row = (timeMs: number): ConsoleRow => ({ timeMs, windowId: "w", level: "log", text: "", source: "" });
const facts = (...consoleRows: ConsoleRow[]) => ({
  windowId: "w",
  seq: 1,
  rawBytes: 0,
  activeMs: [],
  consoleRows,
  networkRows: [],
  oddEvents: [],
});

describe("interactions of a live session", () => {
  it("are counted once, however often they are fetched", () => {
    const data = new SessionData(0);
    data.takeInteractions(true, [click(500), click(1_500)]);
    data.takeInteractions(false, [click(600)]);
    data.takeInteractions(true, [click(500), click(1_500), click(2_500)]);
    expect(data.actions).toHaveLength(3);
    expect(data.histogram({ fromMs: 0, toMs: 3_000 }, 3)).toEqual([2, 1, 1]);
  });
});

describe("late findings", () => {
  it("have their place among earlier ones", () => {
    const data = new SessionData(0);
    data.takeInteractions(true, [click(500), click(2_500)]);
    const dead = { ...click(500), kind: InteractionKind.DEAD_CLICK };
    const elsewhere = { ...click(1_500), windowId: "other" };
    data.takeInteractions(true, [click(500), dead, elsewhere, click(2_500)]);
    expect(data.actions).toMatchObject([
      { kind: "dead", timeMs: 500 },
      { kind: "click", timeMs: 1_500, windowId: "other" },
      { kind: "click", timeMs: 2_500 },
    ]);
  });
});

describe("failed requests", () => {
  const request = { reportedMs: 1_000, windowId: "w", method: "GET", url: "https://shop.example/api", durationMs: 5 };
  const stored = (number: bigint, seq: bigint): Interaction =>
    failedRequest(1_000, "GET shop.example/api 500", { seq, number });

  it("that are stored are rows of their own, also at one time, however often they are fetched", () => {
    const data = new SessionData(0);
    const requests = [stored(0n, 1n), stored(1n, 1n)];
    data.takeInteractions(true, requests);
    data.takeInteractions(true, requests);
    expect(data.actions).toMatchObject([{ kind: "request", count: 2 }]);
    expect(data.histogram({ fromMs: 0, toMs: 3_000 }, 3)).toEqual([0, 0, 0]);
  });

  it.each(["stored", "read"])("that are stored and in a chunk that was read are rows once: %s first", (first) => {
    const data = new SessionData(0);
    const take = {
      stored: () => {
        data.takeInteractions(true, [stored(0n, 1n)]);
      },
      read: () => {
        data.takeFacts({ ...facts(), networkRows: [{ ...request, timeMs: 900, status: 500 }] });
      },
    };
    const [one, other] = first === "stored" ? [take.stored, take.read] : [take.read, take.stored];
    one();
    expect(data.actions).toMatchObject([{ kind: "request", count: 1 }]);
    other();
    expect(data.actions).toMatchObject([{ kind: "request", count: 1, timeMs: 1_000 }]);
    // Of a chunk without stored ones they are those of the chunk.
    data.takeFacts({ ...facts(), seq: 2, networkRows: [{ ...request, timeMs: 900, status: 500 }] });
    expect(data.actions).toMatchObject([{ kind: "request", count: 2 }]);
  });

  it("are among the actions as chunks are read, also when many others were made", () => {
    const data = new SessionData(0);
    data.takeInteractions(true, [click(500), click(1_500)]);
    data.takeFacts({ ...facts(), networkRows: [{ ...request, timeMs: 1_000, status: 500 }] });
    const well = Array.from({ length: 6_000 }, (_, index) => ({ ...request, timeMs: 2_000 + index, status: 200 }));
    data.takeFacts({ ...facts(), networkRows: well });
    expect(data.actions.map(({ kind }) => kind)).toEqual(["click", "request", "click"]);
  });

  it("make a new list only where there are some", () => {
    const data = new SessionData(0);
    data.takeInteractions(true, [click(500)]);
    const before = data.actions;
    data.takeFacts({ ...facts(), networkRows: [{ ...request, timeMs: 1_000, status: 200 }] });
    data.takeInteractions(true, [click(500)]);
    expect(data.actions).toBe(before);
  });
});

describe("rows", () => {
  it("are in the order of time, whichever chunk is read first", () => {
    const data = new SessionData(0);
    data.takeFacts(facts(row(5), row(9)));
    data.takeFacts(facts(row(1), row(7)));
    expect(data.consoleRows.map((one) => one.timeMs)).toEqual([1, 5, 7, 9]);
  });

  it("are the newest where there are too many", () => {
    const data = new SessionData(0);
    data.takeFacts(facts(...Array.from({ length: 6_000 }, (_, index) => row(index))));
    expect(data.consoleRows).toHaveLength(5_000);
    expect(data.consoleRows[0]?.timeMs).toBe(1_000);
  });
});

describe("a pause", () => {
  const minute = { fromMs: 0, toMs: 60_000 };

  it("is not where nothing was counted", () => {
    const data = new SessionData(0);
    expect(data.pauses(minute)).toEqual([]);
    expect(data.unknown(minute)).toEqual([minute]);
    data.takeInteractions(true, [click(500)]);
    expect(data.pauses(minute)).toEqual([]);
  });

  it("is as long as counting has come", () => {
    const data = new SessionData(0);
    data.takeInteractions(true, [click(500)]);
    data.takeCounted([{ fromMs: 0, toMs: 20_000 }]);
    expect(data.pauses(minute)).toEqual([{ fromMs: 2_000, toMs: 19_000 }]);
    expect(data.unknown(minute)).toEqual([{ fromMs: 20_000, toMs: 60_000 }]);
    data.takeCounted([{ fromMs: 20_000, toMs: 60_000 }]);
    expect(data.pauses(minute)).toEqual([{ fromMs: 2_000, toMs: 59_000 }]);
    expect(data.unknown(minute)).toEqual([]);
  });

  it("does not bridge a part that is not counted", () => {
    const data = new SessionData(0);
    data.takeCounted([
      { fromMs: 0, toMs: 20_000 },
      { fromMs: 25_000, toMs: 60_000 },
    ]);
    expect(data.pauses(minute)).toEqual([
      { fromMs: 1_000, toMs: 19_000 },
      { fromMs: 26_000, toMs: 59_000 },
    ]);
  });
});

describe("rows of console and network", () => {
  it("are all there when every part has been read, in any order", () => {
    const data = new SessionData(0);
    data.takeCounted([{ fromMs: 0, toMs: 9_000 }]);
    data.takeRead([{ fromMs: 4_000, toMs: 9_000 }]);
    expect(data.isRead({ fromMs: 0, toMs: 9_000 })).toBe(false);
    expect(data.isRead({ fromMs: 5_000, toMs: 9_000 })).toBe(true);
    data.takeRead([{ fromMs: 0, toMs: 4_000 }]);
    expect(data.isRead({ fromMs: 0, toMs: 9_000 })).toBe(true);
  });
});
