import { describe, expect, it } from "vitest";
import { ChunkStore, type StoredChunk } from "../../src/player/chunkStore";

/** A chunk of two seconds per seq; `*` after the seq: with a full snapshot. */
const chunk = (windowId: string, seq: number, hasFullSnapshot = false, bytes = 10): StoredChunk => ({
  windowId,
  seq,
  firstMs: seq * 2_000,
  lastMs: seq * 2_000 + 1_500,
  hasFullSnapshot,
  isGzip: true,
  payload: new Uint8Array(bytes),
});

const filled = (...chunks: StoredChunk[]): ChunkStore => {
  const store = new ChunkStore();
  for (const one of chunks) {
    store.add(one);
  }
  return store;
};

const seqs = (chunks: StoredChunk[] | null): number[] | null => chunks?.map((one) => one.seq) ?? null;

describe("the chunks that show a moment", () => {
  const store = filled(...[1, 2, 3, 4, 5, 6, 7, 8].map((seq) => chunk("a", seq, seq === 2 || seq === 6)));

  it("begin with the last snapshot before it, and the chunk that may hold its Meta", () => {
    expect(seqs(store.from("a", 15_000))).toEqual([5, 6, 7, 8]);
    expect(seqs(store.from("a", 11_000))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("begin with the first snapshot where no snapshot is before it", () => {
    expect(seqs(store.from("a", 0))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("are null for a window without a snapshot, or an unknown one", () => {
    expect(filled(chunk("a", 1)).from("a", 5_000)).toBeNull();
    expect(store.from("b", 5_000)).toBeNull();
  });

  it("prefer a snapshot that is surely before the moment to one in the chunk of the moment", () => {
    // 12,700 lies within chunk 6; its snapshot may come after it.
    expect(seqs(store.from("a", 12_700))?.[0]).toBe(1);
    expect(seqs(store.from("a", 13_500))?.[0]).toBe(5);
  });
});

describe("taking chunks", () => {
  it("takes each once, and reports its position", () => {
    const store = filled(chunk("a", 1, true), chunk("b", 2, true));
    expect(store.add(chunk("a", 1))).toBe(false);
    expect(store.add(chunk("a", 3))).toBe(true);
    expect([...store.positions()]).toEqual([
      ["a", 3],
      ["b", 2],
    ]);
    expect(store.bytes).toBe(30);
    expect(store.newestMs).toBe(7_500);
    expect(store.completeMs).toBe(6_000);
  });
});

describe("forgetting", () => {
  it("keeps the chunks that are needed to show any window from the moment on", () => {
    const store = filled(
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((seq) => chunk("a", seq, seq === 1 || seq === 6)),
      chunk("b", 9, true),
    );
    store.forgetBefore(15_000);
    expect(seqs(store.from("a", 15_000))).toEqual([5, 6, 7, 8]);
    expect(store.bytes).toBe(50);
    expect(seqs(store.from("b", 20_000))).toEqual([9]);
    expect(store.positions().get("a")).toBe(8);
  });

  it("counts the bytes ahead", () => {
    const store = filled(chunk("a", 1, true), chunk("a", 2), chunk("b", 3, true, 100));
    expect(store.bytesAfter(3_000)).toBe(110);
    expect(store.bytesAfter(6_000)).toBe(0);
  });
});
