import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inflate } from "../../src/player/frame/inflate";

const events = [
  { type: 4, timestamp: 1, data: { href: "https://shop.example/ä", width: 1, height: 1 } },
  { type: 5, timestamp: 2, data: { tag: "long", payload: "näh €".repeat(100_000) } },
];
const bytes = (value: string | Buffer): ArrayBuffer => new Uint8Array(Buffer.from(value)).buffer;
const chunk = (payload: ArrayBuffer, isGzip = true) => ({
  windowId: "w",
  seq: 1,
  firstMs: 1,
  lastMs: 9_000,
  isGzip,
  page: "",
  payload,
});

describe("inflate", () => {
  it("returns the events, also where a chunk of bytes ends within a character", async () => {
    const text = JSON.stringify(events);
    const inflated = await inflate(chunk(bytes(gzipSync(text))));
    expect(inflated.events).toEqual(events);
    expect(inflated.rawBytes).toBe(Buffer.byteLength(text));
  });

  it("accepts an unpacked payload", async () => {
    expect((await inflate(chunk(bytes(JSON.stringify(events)), false))).events).toEqual(events);
  });

  it("leaves out elements that are not events, and reports them", async () => {
    const mixed = bytes(
      gzipSync(
        `[null, 7, {}, ${JSON.stringify(events[0])}, {"type": "4", "timestamp": 1}, {"type": 4, "timestamp": 1e999}]`,
      ),
    );
    const inflated = await inflate(chunk(mixed));
    expect(inflated.events).toEqual([events[0]]);
    expect(inflated.oddEvents.map(({ index, reason }) => [index, reason])).toEqual(
      [0, 1, 2, 4, 5].map((index) => [index, "not-an-event"]),
    );
  });

  it.each([
    ["no gzip", bytes("hello")],
    ["cut short", bytes(gzipSync(JSON.stringify(events)).subarray(0, 100))],
    ["no JSON", bytes(gzipSync("[1,"))],
    ["no array", bytes(gzipSync("{}"))],
  ])("throws on an invalid payload: %s", async (_, payload) => {
    await expect(inflate(chunk(payload))).rejects.toThrow();
  });

  const move = (timestamp: number, x: number) => ({
    type: 3,
    timestamp,
    data: { source: 1, positions: [{ x, y: 1, id: 5, timeOffset: 0 }] },
  });
  const read = (recorded: unknown[]) => inflate(chunk(bytes(JSON.stringify(recorded)), false));

  it("shows all good events where one is odd, and reports that one", async () => {
    for (const odd of [
      { type: 3, timestamp: 5, data: null },
      { type: 3, timestamp: 5 },
      { type: 99, timestamp: 5 },
    ]) {
      const good = Array.from({ length: 15 }, (_, at) => move(at + 1, at));
      const inflated = await read([...good.slice(0, 5), odd, ...good.slice(5)]);
      expect(inflated.events).toEqual(good);
      expect(inflated.oddEvents).toMatchObject([{ windowId: "w", seq: 1, index: 5, isPart: false }]);
      expect(inflated.places).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    }
  });

  it("shows events that are there twice once", async () => {
    const twice = [move(1, 1), move(1, 1), move(2, 1), move(2, 1), move(2, 2), move(2, 1)];
    expect((await read(twice)).events).toEqual([move(1, 1), move(2, 1), move(2, 2), move(2, 1)]);
  });

  it("plays in the order of recording where the clock was set back", async () => {
    const inflated = await read([move(1, 1), move(3_001, 2), move(1_001, 3), move(1_501, 4)]);
    expect(inflated.events).toEqual([move(1, 1), move(3_001, 2), move(3_001, 3), move(3_501, 4)]);
    expect(inflated.shiftsMs).toEqual([0, 0, 2_000, 2_000]);
  });
});
