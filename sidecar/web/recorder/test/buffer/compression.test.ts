import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type * as compressionModule from "../../src/buffer/compression";
import { onLostPart } from "../../src/support/parts";

const lost: string[] = [];

beforeEach(() => {
  vi.resetModules();
  lost.length = 0;
  onLostPart((part) => lost.push(part));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const PLAIN = new TextEncoder().encode("[1,2,3]");

/** The module anew, with the listener for lost parts that it finds. */
async function compression(): Promise<typeof compressionModule> {
  const parts = await import("../../src/support/parts");
  parts.onLostPart((part) => lost.push(part));
  return import("../../src/buffer/compression");
}

test("the browser's gzip", async () => {
  const { gzip } = await compression();
  expect(gunzipSync((await gzip(PLAIN)) ?? new Uint8Array()).toString()).toBe("[1,2,3]");
  expect(lost).toEqual([]);
});

test("a class that throws, or does not write gzip, is used once", async () => {
  let made = 0;
  vi.stubGlobal(
    "CompressionStream",
    class extends TransformStream {
      constructor() {
        super();
        made += 1;
      }
    },
  );
  const { gzip } = await compression();
  expect(await gzip(PLAIN)).toBeUndefined();
  expect(await gzip(PLAIN)).toBeUndefined();
  expect([made, lost]).toEqual([1, ["compression"]]);
});

test("a class that never ends is not waited for", async () => {
  vi.stubGlobal("CompressionStream", function () {
    return { readable: new ReadableStream(), writable: new WritableStream() };
  });
  const { gzip } = await compression();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const packed = gzip(PLAIN);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await packed).toBeUndefined();
  expect(lost).toEqual(["compression"]);
});
