// Unloading of a page: unacknowledged chunks leave in a beacon, and are saved for the next page of the tab.
import { lossOf } from "../buffer/droppedEvents";
import type { KeyValueStore } from "../support/keyValueStore";
import { losePart } from "../support/parts";
import { sum } from "../support/sum";
import { recordBody } from "../transport/http";
import { request } from "../transport/request";
import { CONFIRMED, type Entry, type Loss } from "../wire/entry";
import { chunkMessage, startMessage } from "../wire/messages";
import type { WindowUpload } from "./packQueue";

const LEFT = "left";

/** Timeout of a request instead of a beacon. */
const KEEPALIVE_MS = 30_000;
/** Browsers allow 64 KiB for all pending beacons together. */
const BEACON_BYTES = 60 * 1024;
/** Maximum size saved in sessionStorage, which holds 5 million characters for all pages of the origin. */
const KEPT_BYTES = 1024 * 1024;

/**
 * Sends the unacknowledged chunks in a request that outlives the page; over POST also without any, since only its `start`
 * shows the installation that the page was left.
 *
 * @param url - POST /record.
 * @param token - A valid token, if there is one.
 * @param mayLeave - Whether the policy that a chunk was recorded under is confirmed.
 */
export function sendUnsent(
  { queue, uploader }: WindowUpload,
  url: string,
  token: string | undefined,
  mayLeave: (entry: Entry) => boolean,
): void {
  const { entries } = queue;
  if (entries.length === 0 && uploader.transportKind !== "http") {
    return;
  }
  queue.numberAll();
  if (uploader.isOver || token === undefined || !entries.every(mayLeave)) {
    return;
  }
  const bytes = sum(entries, (entry) => entry.payload.length);
  // A beacon ends the socket's stream, so it is one or the other.
  if (bytes > BEACON_BYTES) {
    uploader.pump();
  } else {
    const body = recordBody(token, startMessage(uploader.fields, Date.now()), entries.map(chunkMessage));
    if (!isBeaconSent(url, body)) {
      // Not awaited: the page is gone by then.
      request(url, { method: "POST", body, credentials: "omit", keepalive: true }, KEEPALIVE_MS).catch(() => undefined);
    }
  }
}

/** Blockers replace sendBeacon by functions that throw, or return undefined. */
function isBeaconSent(url: string, body: Blob): boolean {
  try {
    return (navigator.sendBeacon(url, body) as unknown) === true;
  } catch (error) {
    losePart("beacons", error);
    return false;
  }
}

/** Chunks saved by the previous page of the same window. */
export interface Unsent {
  readonly entries: readonly Entry[];
  /** Chunks that did not fit. */
  readonly loss: Loss | undefined;
}

interface StoredUnsent {
  readonly window: string;
  readonly entries: readonly (Omit<Entry, "payload"> & { readonly payload: string })[];
  readonly loss?: Loss | undefined;
}

/**
 * Saves chunks, the oldest first, as far as they fit: their numbers must have no gap, since a beacon may carry the same
 * chunks under the same numbers.
 *
 * @param window - Session and window that they belong to.
 * @param mayLeave - Whether the policy that a chunk was recorded under is confirmed. The next page has to confirm it
 *   again.
 * @returns Whether they were saved.
 */
export function saveUnsent(
  store: KeyValueStore,
  window: string,
  entries: readonly Entry[],
  mayLeave: (entry: Entry) => boolean,
): boolean {
  let bytes = 0;
  const fitting = entries.findIndex((entry) => (bytes += entry.payload.length) > KEPT_BYTES);
  const kept = fitting < 0 ? entries : entries.slice(0, fitting);
  const rest = entries.slice(kept.length).filter((entry) => entry.loss === undefined);
  return store.set(LEFT, {
    window,
    entries: kept.map((entry) => ({
      ...entry,
      policy: mayLeave(entry) ? CONFIRMED : entry.policy,
      payload: toBase64(entry.payload),
    })),
    loss: rest.length > 0 ? lossOf("page_left", rest) : undefined,
  } satisfies StoredUnsent);
}

/** Returns the chunks that the previous page saved for `window`, and removes them from the store. */
export function takeUnsent(store: KeyValueStore, window: string): Unsent | undefined {
  const kept = store.get(LEFT) as StoredUnsent | undefined;
  store.remove(LEFT);
  if (kept?.window !== window) {
    return undefined;
  }
  try {
    const entries = kept.entries.map((entry) => ({ ...entry, payload: fromBase64(entry.payload) }));
    return { entries, loss: kept.loss };
  } catch {
    return undefined;
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  // Function calls take some ten thousand arguments, not a million.
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
