import { expect, test } from "vitest";
import { openStore } from "../../src/support/keyValueStore";

/** A Storage with room for some characters; `isDeaf`: it takes values, and keeps none. */
class SmallStorage {
  readonly values = new Map<string, string>();
  room: number;
  readonly isDeaf: boolean;

  constructor(room: number, isDeaf = false) {
    this.room = room;
    this.isDeaf = isDeaf;
  }

  getItem(name: string): string | null {
    return this.values.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    const others = [...this.values].filter(([key]) => key !== name);
    if (others.reduce((sum, [key, text]) => sum + key.length + text.length, name.length + value.length) > this.room) {
      throw new Error("QuotaExceededError");
    }
    if (!this.isDeaf) {
      this.values.set(name, value);
    }
  }

  removeItem(name: string): void {
    this.values.delete(name);
  }
}

function storeOver(...storages: (SmallStorage | undefined)[]): ReturnType<typeof openStore> {
  const opens = storages.map((storage) => () => {
    if (storage === undefined) {
      throw new Error("SecurityError");
    }
    return storage as unknown as Storage;
  });
  return openStore(opens, "p:");
}

test("a value goes where there is room for it", () => {
  const [local, tab] = [new SmallStorage(0), new SmallStorage(1000)];
  const store = storeOver(local, tab);
  expect([store.isKept, store.isShared]).toEqual([true, false]);
  expect(store.set("session", { id: "a" })).toBe(true);
  expect(storeOver(local, tab).get("session")).toEqual({ id: "a" });
});

test.each([undefined, new SmallStorage(1000, true)])(
  "a storage that is blocked, or forgets, is passed over",
  (local) => {
    const tab = new SmallStorage(1000);
    storeOver(local, tab).set("session", 1);
    expect(storeOver(local, tab).get("session")).toBe(1);
  },
);

test("a later value is not hidden by an older one that could not be replaced", () => {
  const [local, tab] = [new SmallStorage(20), new SmallStorage(1000)];
  const store = storeOver(local, tab);
  store.set("session", "short");
  store.set("session", "much longer than the room");
  expect(storeOver(local, tab).get("session")).toBe("much longer than the room");
  store.set("session", "short");
  expect(local.values.get("p:session")).toBe('"short"');
  expect(tab.values.size).toBe(0);
});

test("with no room anywhere, values last as long as the page", () => {
  const store = storeOver(new SmallStorage(0), undefined);
  expect(store.isKept).toBe(false);
  expect(store.set("session", 1)).toBe(false);
  expect(store.get("session")).toBe(1);
  store.remove("session");
  expect(store.get("session")).toBeUndefined();
});
