import { describe, expect, test } from "vitest";
import { Backlog, type Entry } from "../../src/buffer/sendQueue";
import { DROPPED_TAG } from "../../src/buffer/droppedEvents";
import { at, chunk, eventsOf } from "../chunks";

const ROOM = 1_000_000;

function filled(count: number, bytes = 10): Backlog {
  const backlog = new Backlog(ROOM);
  for (let index = 0; index < count; index += 1) backlog.push(chunk(index, bytes));
  return backlog;
}

function takeAll(backlog: Backlog, window = ROOM): number[] {
  const seqs: number[] = [];
  for (let entry = backlog.take(window); entry !== undefined; entry = backlog.take(window)) seqs.push(entry.seq);
  return seqs;
}

describe("numbers", () => {
  test("are given when a chunk is taken, from what the server wants next", () => {
    const backlog = filled(3);
    backlog.resume(7);
    expect(takeAll(backlog)).toEqual([7, 8, 9]);
    expect(backlog.lastSeq).toBe(9);
  });

  test("after a break: what the server has is gone, the rest has the same numbers again", () => {
    const backlog = filled(4);
    backlog.resume(1);
    expect(takeAll(backlog)).toEqual([1, 2, 3, 4]);
    backlog.ack(1);
    backlog.disconnected();
    backlog.push(chunk(9));
    backlog.resume(3);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([2000, 3000, 9000]);
    expect(takeAll(backlog)).toEqual([3, 4, 5]);
  });

  test("a server that wants more than is here has stored what a beacon brought", () => {
    const backlog = filled(2);
    backlog.numberAll();
    backlog.push(chunk(5));
    backlog.resume(3);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([5000]);
    expect(takeAll(backlog)).toEqual([3]);
  });

  test("a server that lost everything gets everything that is still here", () => {
    const backlog = filled(3);
    backlog.resume(5);
    takeAll(backlog);
    backlog.ack(5);
    backlog.disconnected();
    backlog.resume(1);
    expect(takeAll(backlog)).toEqual([1, 2]);
  });
});

describe("what is on its way", () => {
  test("is bounded in bytes, but one chunk always goes", () => {
    const backlog = filled(4, 100);
    backlog.resume(1);
    expect(takeAll(backlog, 250)).toEqual([1, 2]);
    backlog.ack(1);
    expect(takeAll(backlog, 250)).toEqual([3]);
    backlog.ack(3);
    expect(takeAll(backlog, 1)).toEqual([4]);
  });

  test("is bounded in number, below what the sidecar takes in a second", () => {
    const backlog = filled(200);
    backlog.resume(1);
    const first = takeAll(backlog).length;
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(100);
  });

  test("bytes are those of all chunks that are not acknowledged", () => {
    const backlog = filled(3, 100);
    backlog.resume(1);
    takeAll(backlog);
    expect([backlog.bytes, backlog.inFlight]).toEqual([300, 3]);
    backlog.ack(2);
    expect([backlog.bytes, backlog.inFlight]).toEqual([100, 1]);
  });
});

describe("rejected", () => {
  test("one is replaced by its parts, and what follows is numbered after them", () => {
    const backlog = filled(3);
    backlog.resume(1);
    takeAll(backlog);
    const bad = at(backlog.entries, 1);
    backlog.rewind(2);
    backlog.replace(bad, [chunk(1, 5), chunk(1.5, 5)]);
    expect(takeAll(backlog)).toEqual([2, 3, 4]);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([1000, 1500, 2000]);
    expect(backlog.bytes).toBe(20);
  });
});

describe("restored", () => {
  test("chunks of the page before come first, under their old numbers", () => {
    const backlog = filled(1);
    backlog.restore([chunk(-2, 10, { seq: 4 }), chunk(-1, 10, { seq: 5 })]);
    backlog.resume(4);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([-2000, -1000, 0]);
    expect(takeAll(backlog)).toEqual([4, 5, 6]);
  });

  test("those that the beacon brought meanwhile are not sent again", () => {
    const backlog = filled(1);
    backlog.restore([chunk(-2, 10, { seq: 4 }), chunk(-1, 10, { seq: 5 })]);
    backlog.resume(6);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([0]);
  });
});

describe("policies", () => {
  test("what was recorded under a policy that does not hold is taken out", () => {
    const backlog = new Backlog(ROOM);
    backlog.push(chunk(1, 10, { policy: "old" }), chunk(2, 10, { policy: "good" }));
    expect(backlog.discard(({ policy }) => policy === "good").map((entry) => entry.firstMs)).toEqual([1000]);
    expect(backlog.entries.map((entry) => entry.firstMs)).toEqual([2000]);
    expect(backlog.bytes).toBe(10);
  });
});

describe("full", () => {
  const snapshot = (seconds: number): Entry => chunk(seconds, 100, { hasSnapshot: true });

  test("the oldest goes, up to the next snapshot, and an event says how much", () => {
    const backlog = new Backlog(700);
    backlog.push(snapshot(0), chunk(1, 250), chunk(2, 250), snapshot(3), chunk(4, 250));
    expect(backlog.shrink()).toEqual({ dropped: 6, needsSnapshot: false });
    const note = at(backlog.entries, 0);
    const rest = backlog.entries.slice(1);
    expect(rest.map((entry) => entry.firstMs)).toEqual([3000, 4000]);
    expect(eventsOf(note)).toEqual([
      {
        type: 5,
        timestamp: 0,
        data: { tag: DROPPED_TAG, payload: { reason: "queue_full", events: 6, bytes: 600, fromMs: 0, toMs: 2900 } },
      },
    ]);
    expect(backlog.bytes).toBe(350 + note.payload.length);
  });

  test("a second hole beside the first is told in the same event", () => {
    const backlog = new Backlog(2000);
    backlog.push(snapshot(0), chunk(1, 1500), snapshot(2), chunk(3, 1500), snapshot(4));
    expect(backlog.shrink().dropped).toBe(4);
    backlog.push(chunk(5, 1500), snapshot(6));
    expect(backlog.shrink().dropped).toBe(4);
    expect(backlog.entries.map((entry) => entry.loss?.events)).toEqual([8, undefined, undefined, undefined]);
  });

  test("without a later snapshot one is asked for, and nothing goes yet", () => {
    const backlog = new Backlog(300);
    backlog.push(snapshot(0), chunk(1, 250));
    expect(backlog.shrink()).toEqual({ dropped: 0, needsSnapshot: true });
    backlog.push(snapshot(2));
    expect(backlog.shrink()).toEqual({ dropped: 4, needsSnapshot: false });
  });

  test("a snapshot that is larger than the queue stays: without it nothing can be shown", () => {
    const backlog = new Backlog(50);
    backlog.push(snapshot(0));
    expect(backlog.shrink()).toEqual({ dropped: 0, needsSnapshot: false });
    expect(backlog.entries).toHaveLength(1);
  });

  test("what was sent stays as it is: the server may have it already", () => {
    const backlog = new Backlog(300);
    backlog.push(snapshot(0), chunk(1, 250));
    backlog.resume(1);
    takeAll(backlog);
    backlog.disconnected();
    backlog.push(snapshot(2));
    expect(backlog.shrink().dropped).toBe(0);
    expect(backlog.entries.map((entry) => entry.seq)).toEqual([1, 2, 0]);
  });
});
