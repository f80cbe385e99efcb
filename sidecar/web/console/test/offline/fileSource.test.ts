import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chunksOf, FileFeed, type PackedChunk } from "../../src/offline/fileSource";
import type { FeedEvents } from "../../src/player/source";

const ignored: FeedEvents = {
  onHeader: () => undefined,
  onChunk: () => undefined,
  onLiveEdge: () => undefined,
  onEnd: () => undefined,
  onConnection: () => undefined,
  onProblem: () => undefined,
};

function part(windowId: string, firstMs: number, lastMs: number, text: string, hasSnapshot = false): HTMLScriptElement {
  const element = document.createElement("script");
  element.type = "application/octet-stream";
  element.dataset.window = windowId;
  element.dataset.first = String(firstMs);
  element.dataset.last = String(lastMs);
  if (hasSnapshot) {
    element.dataset.snapshot = "";
  }
  element.textContent = btoa(text);
  document.body.append(element);
  return element;
}

function packed(seq: number, unpack: () => void = () => undefined): PackedChunk {
  return {
    windowId: "a",
    seq,
    firstMs: seq * 1_000,
    lastMs: seq * 1_000 + 900,
    hasFullSnapshot: seq === 1,
    isGzip: true,
    unpack: () => {
      unpack();
      return new Uint8Array(1);
    },
  };
}

describe("chunks of a file", () => {
  it("are in the order of time, numbered by window, and leave the document as they are unpacked", () => {
    const parts = [
      part("a", 1_000, 1_900, "a1", true),
      part("a", 3_000, 3_900, "a2"),
      // The clock of the window stood still: equal times keep the order of recording.
      part("a", 3_000, 3_900, "a3"),
      part("b", 2_000, 2_900, "b1", true),
    ];
    const chunks = chunksOf(parts);
    expect(chunks.map(({ windowId, seq }) => `${windowId}${seq}`)).toEqual(["a1", "b1", "a2", "a3"]);
    expect(chunks.map(({ hasFullSnapshot }) => hasFullSnapshot)).toEqual([true, true, false, false]);
    const texts = chunks.map(({ unpack }) => new TextDecoder().decode(unpack()));
    expect(texts).toEqual(["a1", "b1", "a2", "a3"]);
    expect(parts.map(({ isConnected, textContent }) => [isConnected, textContent])).toEqual(
      parts.map(() => [false, ""]),
    );
  });
});

describe("a feed of a file", () => {
  let nowMs: number;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    nowMs = 0;
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("covers more and more, in steps between which the browser can draw, and then everything", async () => {
    const ends: string[] = [];
    const taken: number[] = [];
    const chunks = [1, 2, 3, 4].map((seq) =>
      packed(seq, () => {
        nowMs += 15;
      }),
    );
    const feed = new FileFeed(chunks, {
      ...ignored,
      onChunk: ({ seq }) => taken.push(seq),
      onEnd: (end) => ends.push(end),
    });
    expect(feed.isReading).toBe(true);
    feed.begin();
    expect(taken).toEqual([1, 2]);
    expect([feed.covers(2_000), feed.covers(2_001), feed.isOver]).toEqual([true, false, false]);
    expect(feed.loaded(1_000, 9_000)).toEqual({ fromMs: 1_000, toMs: 2_000 });
    // A seek to a moment that is not unpacked yet begins nothing anew.
    feed.begin();
    await vi.runAllTimersAsync();
    expect(taken).toEqual([1, 2, 3, 4]);
    expect(ends).toEqual(["complete"]);
    expect([feed.covers(1e9), feed.isOver, feed.isReading]).toEqual([true, true, false]);
    expect(feed.loaded(1_000, 9_000)).toEqual({ fromMs: 1_000, toMs: 9_000 });
    expect(feed.store.from("a", 2_500)?.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it("unpacks nothing after it was closed", async () => {
    const taken: number[] = [];
    const chunks = [1, 2, 3].map((seq) =>
      packed(seq, () => {
        nowMs += 50;
      }),
    );
    const feed = new FileFeed(chunks, { ...ignored, onChunk: ({ seq }) => taken.push(seq) });
    feed.begin();
    feed.close();
    await vi.runAllTimersAsync();
    expect(taken).toEqual([1]);
    expect(feed.isOver).toBe(false);
  });

  it("is over at once where there are no chunks", () => {
    const ends: string[] = [];
    const feed = new FileFeed([], { ...ignored, onEnd: (end) => ends.push(end) });
    feed.begin();
    expect([feed.isOver, ends]).toEqual([true, ["complete"]]);
  });
});
