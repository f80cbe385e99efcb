// localStorage and sessionStorage where the page has them, else memory: cookies may be blocked, frames sandboxed.

/** Store of a few JSON values, which may outlive the page. */
export interface KeyValueStore {
  /** Whether values survive a reload. */
  readonly isKept: boolean;
  get(name: string): unknown;
  /** Returns whether the value was stored: the quota may be exceeded. */
  set(name: string, value: unknown): boolean;
  remove(name: string): void;
}

const PROBE = "probe";

/**
 * Returns a store over a Storage, or over memory.
 *
 * @param open - Returns the Storage; it may throw, as `window.localStorage` does where cookies are blocked.
 * @param prefix - Prefix of all names, which separates two projects in one page.
 */
export function openStore(open: () => Storage, prefix: string): KeyValueStore {
  let storage: Storage | undefined;
  try {
    storage = open();
    storage.setItem(`${prefix}${PROBE}`, "1");
    storage.removeItem(`${prefix}${PROBE}`);
  } catch {
    storage = undefined;
  }
  return storage === undefined ? new MemoryStore() : new BrowserStore(storage, prefix);
}

class BrowserStore implements KeyValueStore {
  readonly isKept = true;
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
      this.#storage.setItem(this.#prefix + name, JSON.stringify(value));
      return true;
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
