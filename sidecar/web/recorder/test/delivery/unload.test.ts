import { expect, test } from "vitest";
import { saveUnsent, takeUnsent } from "../../src/delivery/unload";
import { MemoryStore } from "../../src/support/keyValueStore";
import { CONFIRMED } from "../../src/wire/entry";
import { chunk } from "../chunks";

/** A store with a JSON round trip, as in sessionStorage. */
class JsonShelf extends MemoryStore {
  override set(name: string, value: unknown): boolean {
    return super.set(name, JSON.parse(JSON.stringify(value)));
  }
}

test("the next page of the window finds the saved chunks, once", () => {
  const store = new JsonShelf();
  const entries = [chunk(1, 300, { seq: 4, payload: Uint8Array.from({ length: 300 }, (_, n) => n % 256) }), chunk(2)];
  expect(saveUnsent(store, "s/w", entries, () => false)).toBe(true);
  const left = takeUnsent(store, "s/w");
  expect(left).toEqual({ entries, loss: undefined });
  expect(takeUnsent(store, "s/w")).toBeUndefined();
});

test("another window or session finds nothing", () => {
  const store = new JsonShelf();
  saveUnsent(store, "s/w", [chunk(1)], () => true);
  expect(takeUnsent(store, "s/other")).toBeUndefined();
});

test("the newest chunks do not fit, and are reported", () => {
  const store = new JsonShelf();
  const entries = [chunk(1, 500_000), chunk(2, 500_000), chunk(3, 500_000), chunk(4, 10)];
  saveUnsent(store, "s/w", entries, () => true);
  const left = takeUnsent(store, "s/w");
  expect(left?.entries.map((entry) => entry.firstMs)).toEqual([1000, 2000]);
  expect(left?.loss).toEqual({ reason: "page_left", events: 4, bytes: 500_010, fromMs: 3000, toMs: 4900 });
});

test("a full storage is reported", () => {
  class Full extends JsonShelf {
    override set(): boolean {
      return false;
    }
  }
  expect(saveUnsent(new Full(), "s/w", [chunk(1)], () => true)).toBe(false);
});

test("values of other programs are ignored", () => {
  const store = new JsonShelf();
  store.set("left", { window: "s/w", entries: [{ payload: "%" }] });
  expect(takeUnsent(store, "s/w")).toBeUndefined();
});

test("chunks under a confirmed policy may leave the next page too, others must wait for that page's response", () => {
  const store = new JsonShelf();
  const entries = [chunk(1, 10, { policy: "confirmed" }), chunk(2, 10, { policy: "remembered" })];
  saveUnsent(store, "s/w", entries, ({ policy }) => policy === "confirmed");
  expect(takeUnsent(store, "s/w")?.entries.map((entry) => entry.policy)).toEqual([CONFIRMED, "remembered"]);
});
