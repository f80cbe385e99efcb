import { expect, test } from "vitest";
import { CONFIRMED } from "../../src/buffer/sendQueue";
import { keep, takeLeft } from "../../src/delivery/unload";
import { MemoryShelf } from "../../src/support/keyValueStore";
import { chunk } from "../chunks";

/** What goes through JSON, as in sessionStorage. */
class JsonShelf extends MemoryShelf {
  override set(name: string, value: unknown): boolean {
    return super.set(name, JSON.parse(JSON.stringify(value)));
  }
}

test("the next page of the window finds what was left, once", () => {
  const shelf = new JsonShelf();
  const entries = [chunk(1, 300, { seq: 4, payload: Uint8Array.from({ length: 300 }, (_, n) => n % 256) }), chunk(2)];
  expect(keep(shelf, "s/w", entries, () => false)).toBe(true);
  const left = takeLeft(shelf, "s/w");
  expect(left).toEqual({ entries, loss: undefined });
  expect(takeLeft(shelf, "s/w")).toBeUndefined();
});

test("another window or session finds nothing", () => {
  const shelf = new JsonShelf();
  keep(shelf, "s/w", [chunk(1)], () => true);
  expect(takeLeft(shelf, "s/other")).toBeUndefined();
});

test("what does not fit is the newest, and is told", () => {
  const shelf = new JsonShelf();
  const entries = [chunk(1, 500_000), chunk(2, 500_000), chunk(3, 500_000), chunk(4, 10)];
  keep(shelf, "s/w", entries, () => true);
  const left = takeLeft(shelf, "s/w");
  expect(left?.entries.map((entry) => entry.firstMs)).toEqual([1000, 2000]);
  expect(left?.loss).toEqual({ reason: "page_left", events: 4, bytes: 500_010, fromMs: 3000, toMs: 4900 });
});

test("a storage that is full is told", () => {
  class Full extends JsonShelf {
    override set(): boolean {
      return false;
    }
  }
  expect(keep(new Full(), "s/w", [chunk(1)], () => true)).toBe(false);
});

test("what somebody else has put there is nothing", () => {
  const shelf = new JsonShelf();
  shelf.set("left", { window: "s/w", entries: [{ payload: "%" }] });
  expect(takeLeft(shelf, "s/w")).toBeUndefined();
});

test("what a server has confirmed may leave the next page too, what not must wait for that page's answer", () => {
  const shelf = new JsonShelf();
  const entries = [chunk(1, 10, { policy: "confirmed" }), chunk(2, 10, { policy: "remembered" })];
  keep(shelf, "s/w", entries, ({ policy }) => policy === "confirmed");
  expect(takeLeft(shelf, "s/w")?.entries.map((entry) => entry.policy)).toEqual([CONFIRMED, "remembered"]);
});
