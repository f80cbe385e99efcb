// Chunks for tests.
import type { Entry } from "../src/wire/entry";

/** Returns a chunk of `bytes` bytes, recorded at `seconds`. */
export function chunk(seconds: number, bytes = 10, changes: Partial<Entry> = {}): Entry {
  return {
    seq: 0,
    payload: new Uint8Array(bytes),
    isGzip: true,
    events: 2,
    firstMs: seconds * 1000,
    lastMs: seconds * 1000 + 900,
    hasSnapshot: false,
    policy: "p",
    ...changes,
  };
}

/** Returns the payload of a chunk that is not packed. */
export function eventsOf(entry: Entry): { type: number; timestamp: number; data: Record<string, unknown> }[] {
  return JSON.parse(new TextDecoder().decode(entry.payload)) as ReturnType<typeof eventsOf>;
}

/** Returns the entry at that place, which must be there. */
export function at(entries: readonly Entry[], index: number): Entry {
  const entry = entries[index];
  if (entry === undefined) {
    throw new Error(`there is no entry ${index}`);
  }
  return entry;
}
