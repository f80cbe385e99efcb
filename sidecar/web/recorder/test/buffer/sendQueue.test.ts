import { describe, expect, test } from "vitest";
import { DROPPED_TAG } from "../../src/buffer/droppedEvents";
import { SendQueue } from "../../src/buffer/sendQueue";
import type { Entry } from "../../src/wire/entry";
import { at, chunk, eventsOf } from "../chunks";

const ROOM = 1_000_000;

function filled(count: number, bytes = 10): SendQueue {
  const queue = new SendQueue(ROOM);
  for (let index = 0; index < count; index += 1) {
    queue.push(chunk(index, bytes));
  }
  return queue;
}

function takeAll(queue: SendQueue, window = ROOM): number[] {
  const seqs: number[] = [];
  for (let entry = queue.take(window); entry !== undefined; entry = queue.take(window)) {
    seqs.push(entry.seq);
  }
  return seqs;
}

describe("numbers", () => {
  test("are assigned when a chunk is taken, from the server's next seq on", () => {
    const queue = filled(3);
    queue.resume(7);
    expect(takeAll(queue)).toEqual([7, 8, 9]);
    expect(queue.lastSeq).toBe(9);
  });

  test("after a break: stored chunks are removed, the rest keeps its numbers", () => {
    const queue = filled(4);
    queue.resume(1);
    expect(takeAll(queue)).toEqual([1, 2, 3, 4]);
    queue.ack(1);
    queue.disconnected();
    queue.push(chunk(9));
    queue.resume(3);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([2000, 3000, 9000]);
    expect(takeAll(queue)).toEqual([3, 4, 5]);
  });

  test("a server that expects a higher seq has stored the chunks of a beacon", () => {
    const queue = filled(2);
    queue.numberAll();
    queue.push(chunk(5));
    queue.resume(3);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([5000]);
    expect(takeAll(queue)).toEqual([3]);
  });

  test("a server that lost everything gets all chunks that are still queued", () => {
    const queue = filled(3);
    queue.resume(5);
    takeAll(queue);
    queue.ack(5);
    queue.disconnected();
    queue.resume(1);
    expect(takeAll(queue)).toEqual([1, 2]);
  });
});

describe("chunks in flight", () => {
  test("are bounded in bytes, but one chunk is always sent", () => {
    const queue = filled(4, 100);
    queue.resume(1);
    expect(takeAll(queue, 250)).toEqual([1, 2]);
    queue.ack(1);
    expect(takeAll(queue, 250)).toEqual([3]);
    queue.ack(3);
    expect(takeAll(queue, 1)).toEqual([4]);
  });

  test("are bounded in number, below the sidecar's limit per second", () => {
    const queue = filled(200);
    queue.resume(1);
    const first = takeAll(queue).length;
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(100);
  });

  test("bytes are those of all chunks that are not acknowledged", () => {
    const queue = filled(3, 100);
    queue.resume(1);
    takeAll(queue);
    expect([queue.bytes, queue.inFlight]).toEqual([300, 3]);
    queue.ack(2);
    expect([queue.bytes, queue.inFlight]).toEqual([100, 1]);
  });
});

describe("rejected", () => {
  test("a chunk is replaced by its parts, and later ones are numbered after them", () => {
    const queue = filled(3);
    queue.resume(1);
    takeAll(queue);
    const bad = at(queue.entries, 1);
    queue.rewind(2);
    queue.replace(bad, [chunk(1, 5), chunk(1.5, 5)]);
    expect(takeAll(queue)).toEqual([2, 3, 4]);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([1000, 1500, 2000]);
    expect(queue.bytes).toBe(20);
  });
});

describe("restored", () => {
  test("chunks of the previous page come first, under their old numbers", () => {
    const queue = filled(1);
    queue.restore([chunk(-2, 10, { seq: 4 }), chunk(-1, 10, { seq: 5 })]);
    queue.resume(4);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([-2000, -1000, 0]);
    expect(takeAll(queue)).toEqual([4, 5, 6]);
  });

  test("chunks that a beacon delivered meanwhile are not sent again", () => {
    const queue = filled(1);
    queue.restore([chunk(-2, 10, { seq: 4 }), chunk(-1, 10, { seq: 5 })]);
    queue.resume(6);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([0]);
  });
});

describe("policies", () => {
  test("chunks recorded under an outdated policy are removed", () => {
    const queue = new SendQueue(ROOM);
    queue.push(chunk(1, 10, { policy: "old" }), chunk(2, 10, { policy: "good" }));
    expect(queue.discard(({ policy }) => policy === "good").map((entry) => entry.firstMs)).toEqual([1000]);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([2000]);
    expect(queue.bytes).toBe(10);
  });
});

describe("full", () => {
  const snapshot = (seconds: number): Entry => chunk(seconds, 100, { hasSnapshot: true });

  test("the oldest are dropped, up to the next snapshot, and an event reports the loss", () => {
    const queue = new SendQueue(700);
    queue.push(snapshot(0), chunk(1, 250), chunk(2, 250), snapshot(3), chunk(4, 250));
    expect(queue.shrink()).toEqual({ dropped: 6, needsSnapshot: false });
    const note = at(queue.entries, 0);
    const rest = queue.entries.slice(1);
    expect(rest.map((entry) => entry.firstMs)).toEqual([3000, 4000]);
    expect(eventsOf(note)).toEqual([
      {
        type: 5,
        timestamp: 0,
        data: { tag: DROPPED_TAG, payload: { reason: "queue_full", events: 6, bytes: 600, fromMs: 0, toMs: 2900 } },
      },
    ]);
    expect(queue.bytes).toBe(350 + note.payload.length);
  });

  test("a second gap next to the first is reported in the same event", () => {
    const queue = new SendQueue(2000);
    queue.push(snapshot(0), chunk(1, 1500), snapshot(2), chunk(3, 1500), snapshot(4));
    expect(queue.shrink().dropped).toBe(4);
    queue.push(chunk(5, 1500), snapshot(6));
    expect(queue.shrink().dropped).toBe(4);
    expect(queue.entries.map((entry) => entry.loss?.events)).toEqual([8, undefined, undefined, undefined]);
  });

  test("without a later snapshot one is requested, and nothing is dropped yet", () => {
    const queue = new SendQueue(340);
    queue.push(snapshot(0), chunk(1, 250));
    expect(queue.shrink()).toEqual({ dropped: 0, needsSnapshot: true });
    queue.push(snapshot(2), chunk(3, 10));
    expect(queue.shrink()).toEqual({ dropped: 4, needsSnapshot: false });
  });

  test("a snapshot does not displace the newest events: events after it do", () => {
    const queue = new SendQueue(340);
    queue.push(snapshot(0), chunk(1, 250), snapshot(2));
    expect(queue.shrink()).toEqual({ dropped: 0, needsSnapshot: false });
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([0, 1000, 2000]);
    queue.push(chunk(3, 20));
    expect(queue.shrink()).toEqual({ dropped: 4, needsSnapshot: false });
    expect(queue.entries.slice(1).map((entry) => entry.firstMs)).toEqual([2000, 3000]);
  });

  test("a chunk with a snapshot and later events is newer than the chunks before it", () => {
    const queue = new SendQueue(300);
    queue.push(snapshot(0), chunk(1, 250), chunk(2, 100, { hasSnapshot: true, events: 3 }));
    expect(queue.shrink().dropped).toBe(4);
  });

  test("of a newest batch above the bound, the oldest parts are dropped and the latest stay", () => {
    const queue = new SendQueue(1000);
    const parts = [2, 3, 4, 5, 6, 7].map((seconds) => chunk(seconds, 250));
    queue.push(snapshot(0), chunk(1, 100), ...parts);
    expect(queue.shrink(parts)).toEqual({ dropped: 10, needsSnapshot: true });
    const [note, ...rest] = queue.entries;
    expect(rest.map((entry) => entry.firstMs)).toEqual([5000, 6000, 7000]);
    expect(note?.loss).toEqual({ reason: "queue_full", events: 10, bytes: 950, fromMs: 0, toMs: 4900 });
    expect(queue.bytes).toBeLessThanOrEqual(1000);
  });

  test("the rest of such a batch is dropped once there are newer events after a snapshot", () => {
    const queue = new SendQueue(1000);
    const parts = [2, 3, 4, 5, 6].map((seconds) => chunk(seconds, 250));
    queue.push(...parts);
    expect(queue.shrink(parts).dropped).toBe(4);
    queue.push(snapshot(7), chunk(8, 400));
    expect(queue.shrink().dropped).toBe(6);
    expect(queue.entries.map((entry) => entry.loss?.events)).toEqual([10, undefined, undefined]);
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([2000, 7000, 8000]);
  });

  test("of a newest batch the last part stays in any case", () => {
    const queue = new SendQueue(100);
    const parts = [chunk(1, 90), chunk(2, 90)];
    queue.push(...parts);
    expect(queue.shrink(parts)).toEqual({ dropped: 2, needsSnapshot: true });
    expect(queue.entries.at(-1)).toBe(parts[1]);
  });

  test("sent parts stay unchanged", () => {
    const queue = new SendQueue(400);
    const parts = [1, 2, 3].map((seconds) => chunk(seconds, 250));
    queue.push(...parts);
    queue.resume(1);
    takeAll(queue);
    expect(queue.shrink(parts)).toEqual({ dropped: 0, needsSnapshot: false });
    expect(queue.bytes).toBe(750);
  });

  test("one event above the bound is dropped, counted and reported; earlier events stay", () => {
    const queue = new SendQueue(1000);
    const large = chunk(2, 1001, { events: 1 });
    queue.push(snapshot(0), chunk(1, 100), large);
    expect(queue.shrink([large])).toEqual({ dropped: 1, needsSnapshot: true });
    expect(queue.entries.map((entry) => entry.firstMs)).toEqual([0, 1000, 2000]);
    expect(queue.entries.at(-1)?.loss).toEqual({
      reason: "queue_full",
      events: 1,
      bytes: 1001,
      fromMs: 2000,
      toMs: 2900,
    });
  });

  test("events after one above the bound stay, too", () => {
    const queue = new SendQueue(1000);
    const parts = [chunk(1, 100), chunk(2, 5000, { events: 1 }), chunk(3, 100)];
    queue.push(...parts);
    expect(queue.shrink(parts)).toEqual({ dropped: 1, needsSnapshot: true });
    expect(queue.entries.map((entry) => entry.loss?.events)).toEqual([undefined, 1, undefined]);
  });

  test("a loss that is dropped with its neighbours is still counted in the report", () => {
    const queue = new SendQueue(1000);
    const large = chunk(2, 5000, { events: 1 });
    queue.push(snapshot(0), chunk(1, 400), large);
    expect(queue.shrink([large]).dropped).toBe(1);
    queue.push(snapshot(3), chunk(4, 400));
    expect(queue.shrink().dropped).toBe(4);
    expect(queue.entries.map((entry) => entry.loss?.events)).toEqual([5, undefined, undefined]);
    expect(at(queue.entries, 0).loss).toMatchObject({ fromMs: 0, toMs: 2900 });
  });

  test("a snapshot larger than the queue stays: without it nothing can be shown", () => {
    const queue = new SendQueue(50);
    queue.push(snapshot(0));
    expect(queue.shrink()).toEqual({ dropped: 0, needsSnapshot: false });
    expect(queue.entries).toHaveLength(1);
  });

  test("sent chunks stay unchanged: the server may already have them", () => {
    const queue = new SendQueue(300);
    queue.push(snapshot(0), chunk(1, 250));
    queue.resume(1);
    takeAll(queue);
    queue.disconnected();
    queue.push(snapshot(2));
    expect(queue.shrink().dropped).toBe(0);
    expect(queue.entries.map((entry) => entry.seq)).toEqual([1, 2, 0]);
  });
});
