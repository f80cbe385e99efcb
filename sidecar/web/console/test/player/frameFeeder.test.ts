import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type PageView, PageViewSchema } from "@contract/recording/v1/session_pb";
import { beforeEach, describe, expect, it } from "vitest";
import { ChunkStore, type StoredChunk } from "../../src/player/chunkStore";
import { FrameFeeder, STAGE_BYTES } from "../../src/player/frameFeeder";
import type { Command } from "../../src/player/protocol";
import { within } from "../../src/player/spans";

/** A chunk of two seconds per seq; every tenth has a full snapshot. */
const chunk = (seq: number): StoredChunk => ({
  windowId: "a",
  seq,
  firstMs: seq * 2_000,
  lastMs: seq * 2_000 + 1_500,
  hasFullSnapshot: seq % 10 === 1,
  isGzip: true,
  payload: new Uint8Array(10),
});

const ALL = Array.from({ length: 300 }, (_, index) => chunk(index + 1));

let sent: Command[];
let feeder: FrameFeeder;
let store: ChunkStore;

beforeEach(() => {
  sent = [];
  feeder = new FrameFeeder();
  store = new ChunkStore();
  feeder.attach({ send: (command) => sent.push(command), listen: () => undefined });
  for (const one of ALL) {
    store.add(one);
    feeder.arrived(one);
  }
});

const commands = <Type extends Command["type"]>(type: Type): Extract<Command, { type: Type }>[] =>
  sent.filter((command): command is Extract<Command, { type: Type }> => command.type === type);
const took = (stage: number, seqs: number[], rawBytes = 1_000): void => {
  for (const seq of seqs) {
    feeder.learned(stage, {
      windowId: "a",
      seq,
      rawBytes,
      activeMs: [],
      consoleRows: [],
      networkRows: [],
      oddEvents: [],
    });
  }
};
const pageView = (windowId: string, atMs: number, url: string): PageView =>
  create(PageViewSchema, { windowId, url, openTime: timestampFromMs(atMs) });
const from = (low: number, high: number): number[] => Array.from({ length: high - low + 1 }, (_, at) => low + at);

describe("a moment", () => {
  it("is shown from the last snapshot before it, and the rest follows", () => {
    feeder.show(store, "a", 50_000, true, 1);
    const [stage] = commands("stage");
    expect(stage?.chunks.map((one) => one.seq)).toEqual(from(20, 25));
    expect(commands("append").map((append) => append.chunk.seq)).toEqual(from(26, 300));
    // Earlier chunks are only read, for the panel.
    expect(commands("read").map((read) => read.chunk.seq)).toEqual(from(1, 19));
  });

  it("that the stage has loaded is sought in it", () => {
    feeder.show(store, "a", 50_000, true, 1);
    took(1, from(20, 300));
    feeder.show(store, "a", 400_000, false, 1);
    expect(commands("stage")).toHaveLength(1);
    expect(commands("seek")).toMatchObject([{ atMs: 400_000, isPlaying: false }]);
  });

  it("that the stage has not loaded yet does not wait for it", () => {
    feeder.show(store, "a", 50_000, true, 1);
    took(1, from(20, 40));
    feeder.show(store, "a", 400_000, false, 1);
    expect(commands("stage").map((stage) => stage.chunks[0]?.seq)).toEqual([20, 190]);
  });

  it("before the stage's beginning has a new stage", () => {
    feeder.show(store, "a", 400_000, true, 1);
    took(1, from(190, 300));
    feeder.show(store, "a", 50_000, true, 1);
    expect(commands("stage").map((stage) => stage.chunks[0]?.seq)).toEqual([190, 20]);
  });

  it("before all that the stage can show has a new one", () => {
    const late = new ChunkStore();
    for (const one of ALL.slice(0, 30)) {
      late.add({ ...one, hasFullSnapshot: one.seq === 21 });
    }
    feeder.show(late, "a", 30_000, false, 1);
    took(1, from(20, 30));
    feeder.show(late, "a", 2_000, false, 1);
    expect(commands("stage").map(({ chunks, atMs }) => [chunks[0]?.seq, atMs])).toEqual([
      [20, 30_000],
      [20, 2_000],
    ]);
  });

  it("has an order of its own, so that reports of older ones are known", () => {
    feeder.show(store, "a", 50_000, true, 1);
    expect(feeder.isCurrent(1)).toBe(true);
    feeder.show(store, "a", 400_000, true, 1);
    expect(feeder.isCurrent(1)).toBe(false);
    expect(feeder.isCurrent(2)).toBe(true);
  });
});

describe("a chunk", () => {
  it.each([
    ["the latest before it", [pageView("a", 1_000, "/one"), pageView("a", 50_000, "/two")], ["/one", "/two"]],
    ["its window's first, if earlier ones are not known", [pageView("a", 60_000, "/late")], ["/late", "/late"]],
    ["none of another window", [pageView("b", 1_000, "/other")], ["", ""]],
  ])("has a page: %s", (_, pages, expected) => {
    feeder.takePages(pages);
    feeder.show(store, "a", 50_000, true, 1);
    expect(commands("stage")[0]?.chunks.slice(-2)).toMatchObject(expected.map((page) => ({ page })));
    expect(commands("append")[0]?.chunk.page).toBe(expected[1]);
    expect(commands("read")[0]?.chunk.page).toBe(expected[0]);
  });
});

describe("memory", () => {
  it("limits the chunks of a stage: ahead, to a minute", () => {
    const few = new ChunkStore();
    for (const one of ALL.slice(0, 40)) {
      few.add(one);
    }
    feeder.show(few, "a", 4_000, true, 1);
    took(1, from(1, 40), STAGE_BYTES / 20);
    sent = [];
    feeder.fill(store, 30_000);
    // Seq 45 begins at 90 s, a minute ahead of the playhead.
    expect(commands("append").map((append) => append.chunk.seq)).toEqual(from(41, 45));
  });

  it("replaces a stage that has outgrown it, from the last snapshot on", () => {
    feeder.show(store, "a", 4_000, true, 1);
    took(1, from(1, 100), STAGE_BYTES / 50);
    expect(feeder.isOutgrown(store, 10_000)).toBe(false);
    expect(feeder.isOutgrown(store, 180_000)).toBe(true);
    feeder.show(store, "a", 180_000, true, 1);
    expect(commands("stage").map((stage) => stage.chunks[0]?.seq)).toEqual([1, 80]);
  });
});

describe("facts", () => {
  it("are read once, also if a chunk is read several times", () => {
    feeder.show(store, "a", 50_000, true, 1);
    const facts = {
      windowId: "a",
      seq: 25,
      rawBytes: 1,
      activeMs: [],
      consoleRows: [],
      networkRows: [],
      oddEvents: [],
    };
    expect(feeder.learned(1, facts)).toBe(true);
    expect(feeder.learned(2, facts)).toBe(false);
  });
});

describe("facts", () => {
  const soon = { fromMs: 0, toMs: 8_000 };

  it("are unknown from a chunk's coming until it was read", () => {
    expect(feeder.unknown()).toHaveLength(ALL.length);
    feeder.show(store, "a", 50_000, true, 1);
    took(1, from(20, 300));
    expect(feeder.unknown()).toEqual(ALL.slice(0, 19).map((one) => ({ fromMs: one.firstMs, toMs: one.lastMs + 1 })));
    took(0, from(1, 19));
    expect(feeder.unknown()).toEqual([]);
  });

  it("stay known when a chunk comes again", () => {
    took(0, [1, 2, 3]);
    feeder.arrived(chunk(2));
    expect(within(soon, feeder.unknown())).toEqual([]);
  });

  it("that a lost frame owed are asked of the next one", () => {
    feeder.show(store, "a", 10_000, true, 1);
    took(1, from(1, 5));
    sent = [];
    feeder.attach({ send: (command) => sent.push(command), listen: () => undefined });
    feeder.show(store, "a", 590_000, true, 1);
    const asked = [
      ...commands("stage").flatMap((stage) => stage.chunks),
      ...commands("read").map((read) => read.chunk),
    ];
    expect(asked.map((one) => one.seq)).toEqual(expect.arrayContaining(from(6, 290)));
    expect(commands("read").map((read) => read.chunk.seq)).not.toContain(3);
  });
});
