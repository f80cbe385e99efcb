// localStorage and sessionStorage where the page has them and they take something, else memory: cookies may be blocked,
// frames sandboxed, storage full.
//
// No other place (window.name, a cookie, IndexedDB) is used: a visitor with blocked storage does not want to be recognized,
// and window.name would hand the session's secret to the next site in the tab.

/** Store of a few JSON values, which may outlive the page. */
export interface KeyValueStore {
  /** Whether values survive a reload, as far as is known: a storage may be full. */
  readonly isKept: boolean;
  /** Whether the preferred place takes values. */
  readonly isShared: boolean;
  get(name: string): unknown;
  /** Returns whether the value was stored: the quota may be exceeded. */
  set(name: string, value: unknown): boolean;
  remove(name: string): void;
}

const PROBE = "probe";

/**
 * Returns a store over the first Storage that takes a value, or over memory.
 *
 * @param opens - Return the Storages, the preferred one first; they may throw, as `window.localStorage` does where
 *   cookies are blocked.
 * @param prefix - Prefix of all names, which separates two projects in one page.
 */
export function openStore(opens: readonly (() => Storage)[], prefix: string): KeyValueStore {
  const found = opens.map((open) => openStorage(open, prefix));
  const stores = found.filter((store) => store !== undefined);
  return new LayeredStore(stores, found[0] !== undefined);
}

function openStorage(open: () => Storage, prefix: string): BrowserStore | undefined {
  try {
    const storage = open() as Storage | null;
    return storage === null ? undefined : new BrowserStore(storage, prefix);
  } catch {
    return undefined;
  }
}

/** Each value in the first store that has room for it, at last in memory. */
class LayeredStore implements KeyValueStore {
  readonly #stores: readonly BrowserStore[];
  readonly #memory = new MemoryStore();
  readonly isShared: boolean;
  #isKept: boolean;

  /** @param isShared - Whether the first of them is the preferred one. */
  constructor(stores: readonly BrowserStore[], isShared: boolean) {
    this.#stores = stores;
    const takers = stores.filter((store) => store.set(PROBE, 1));
    this.isShared = isShared && takers[0] === stores[0];
    this.#isKept = takers.length > 0;
    this.remove(PROBE);
  }

  get isKept(): boolean {
    return this.#isKept;
  }

  get(name: string): unknown {
    const kept = this.#stores.map((store) => store.get(name)).find((value) => value !== undefined);
    return kept ?? this.#memory.get(name);
  }

  set(name: string, value: unknown): boolean {
    let isStored = false;
    for (const store of this.#stores) {
      // An old value is wrong now, and its room may be all that the new one lacks.
      if (isStored || !store.set(name, value)) {
        store.remove(name);
        isStored ||= store.set(name, value);
      } else {
        isStored = true;
      }
    }
    this.#memory.remove(name);
    if (!isStored) {
      this.#isKept = false;
      this.#memory.set(name, value);
    }
    return isStored;
  }

  remove(name: string): void {
    this.#memory.remove(name);
    for (const store of this.#stores) {
      store.remove(name);
    }
  }
}

class BrowserStore {
  readonly #storage: Storage;
  readonly #prefix: string;

  constructor(storage: Storage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  get(name: string): unknown {
    try {
      return JSON.parse(this.#storage.getItem(this.#prefix + name) ?? "null") ?? undefined;
    } catch {
      return undefined; // A value of another program under this name counts as missing.
    }
  }

  set(name: string, value: unknown): boolean {
    try {
      const text = JSON.stringify(value);
      this.#storage.setItem(this.#prefix + name, text);
      return this.#storage.getItem(this.#prefix + name) === text; // some blockers take values, and keep none
    } catch {
      return false;
    }
  }

  remove(name: string): void {
    try {
      this.#storage.removeItem(this.#prefix + name);
    } catch {
      // A value that cannot be removed cannot be read either.
    }
  }
}

/** A store that ends with the page. */
export class MemoryStore implements KeyValueStore {
  readonly isKept = false;
  readonly isShared = false;
  readonly #values = new Map<string, unknown>();

  get(name: string): unknown {
    return this.#values.get(name);
  }

  set(name: string, value: unknown): boolean {
    this.#values.set(name, value);
    return true;
  }

  remove(name: string): void {
    this.#values.delete(name);
  }
}
