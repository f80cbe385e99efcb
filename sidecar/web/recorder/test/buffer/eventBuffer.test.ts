import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Batch, EventBuffer } from "../../src/buffer/eventBuffer";

let batches: Batch[];
let isFlowing: boolean;
let unreadable: number;

beforeEach(() => {
  vi.useFakeTimers();
  batches = [];
  isFlowing = true;
  unreadable = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

function buffer(): EventBuffer {
  return new EventBuffer(
    {
      onBatch: (batch) => batches.push(batch),
      mask: (event) => event,
      adapt: () => false,
      onUnreadable: () => {
        unreadable += 1;
      },
      isFlowing: () => isFlowing,
    },
    2000,
    256 * 1024,
  );
}

function scroll(timestamp: number, filling = ""): eventWithTime {
  const data = { source: IncrementalSource.Scroll, id: 1, x: 0, y: timestamp, filling };
  return { type: EventType.IncrementalSnapshot, timestamp, data } as eventWithTime;
}

const meta: eventWithTime = { type: EventType.Meta, timestamp: 50, data: { href: "", width: 1, height: 1 } };

test("a batch is cut after the interval, in the order of events", () => {
  const gathering = buffer();
  gathering.add(scroll(10));
  gathering.add(scroll(30));
  vi.advanceTimersByTime(1999);
  expect(batches).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(batches).toHaveLength(1);
  expect(batches[0]).toMatchObject({ firstMs: 10, lastMs: 30, hasSnapshot: false });
  expect(batches[0]?.texts.map((text) => (JSON.parse(text) as eventWithTime).timestamp)).toEqual([10, 30]);
});

test("without events there is no batch", () => {
  buffer().flush();
  vi.advanceTimersByTime(10_000);
  expect(batches).toEqual([]);
});

test("a batch is cut by size before its time", () => {
  const gathering = buffer();
  for (let time = 0; time < 4; time += 1) {
    gathering.add(scroll(time, "x".repeat(100_000)));
  }
  vi.advanceTimersByTime(500);
  expect(batches).toHaveLength(1);
  vi.advanceTimersByTime(2000);
  expect(batches.map((batch) => batch.texts.length)).toEqual([3, 1]);
});

test("a snapshot starts a batch: a replay can start there", () => {
  const gathering = buffer();
  gathering.add(scroll(10));
  gathering.add(meta);
  gathering.add({ type: EventType.FullSnapshot, timestamp: 51, data: {} } as eventWithTime);
  gathering.flush();
  expect(batches.map((batch) => [batch.texts.length, batch.hasSnapshot])).toEqual([
    [1, false],
    [2, true],
  ]);
});

test("a snapshot is known from the moment it is added until its batch is cut", () => {
  const gathering = buffer();
  gathering.add(scroll(10));
  gathering.add(meta);
  expect(gathering.hasSnapshot).toBe(false);
  gathering.add({ type: EventType.FullSnapshot, timestamp: 51, data: {} } as eventWithTime);
  expect(gathering.hasSnapshot).toBe(true);
  vi.advanceTimersByTime(500);
  expect(batches).toHaveLength(1);
  expect(gathering.hasSnapshot).toBe(true);
  gathering.flush();
  expect(gathering.hasSnapshot).toBe(false);
});

test("while nothing is sent, time cuts no batches: a long outage produces few", () => {
  isFlowing = false;
  const gathering = buffer();
  for (let time = 0; time < 60; time += 1) {
    gathering.add(scroll(time));
    vi.advanceTimersByTime(2000);
  }
  expect(batches).toEqual([]);
  isFlowing = true;
  gathering.flush();
  expect(batches.map((batch) => batch.texts.length)).toEqual([60]);
});

test("a shorter interval applies at once", () => {
  const gathering = buffer();
  gathering.add(scroll(1));
  vi.advanceTimersByTime(1000);
  gathering.setInterval(200);
  vi.advanceTimersByTime(200);
  expect(batches).toHaveLength(1);
});

test("an event that is not JSON is skipped and reported", () => {
  const gathering = buffer();
  gathering.add(scroll(1));
  gathering.add({ type: EventType.Custom, timestamp: 2, data: { tag: "t", payload: 1n } } as unknown as eventWithTime);
  gathering.add(scroll(3));
  gathering.flush();
  expect(unreadable).toBe(1);
  expect(batches[0]?.texts).toHaveLength(2);
});
