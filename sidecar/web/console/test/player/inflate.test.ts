import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inflate } from "../../src/player/frame/inflate";

const events = [
  { type: 4, timestamp: 1, data: { href: "https://shop.example/ä", width: 1, height: 1 } },
  { type: 2, timestamp: 2, data: { text: "näh €".repeat(100_000) } },
];
const bytes = (value: string | Buffer): ArrayBuffer => new Uint8Array(Buffer.from(value)).buffer;
const chunk = (payload: ArrayBuffer, isGzip = true) => ({ windowId: "w", seq: 1, isGzip, payload });

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

  it("leaves out elements that are not events", async () => {
    const mixed = bytes(
      gzipSync(
        `[null, 7, {}, ${JSON.stringify(events[0])}, {"type": "4", "timestamp": 1}, {"type": 4, "timestamp": 1e999}]`,
      ),
    );
    expect((await inflate(chunk(mixed))).events).toEqual([events[0]]);
  });

  it.each([
    ["no gzip", bytes("hello")],
    ["cut short", bytes(gzipSync(JSON.stringify(events)).subarray(0, 100))],
    ["no JSON", bytes(gzipSync("[1,"))],
    ["no array", bytes(gzipSync("{}"))],
  ])("throws on an invalid payload: %s", async (_, payload) => {
    await expect(inflate(chunk(payload))).rejects.toThrow();
  });
});
