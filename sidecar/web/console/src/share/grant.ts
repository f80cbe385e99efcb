// A visitor's grant: its lifetime, and its survival of a reload of the page.
import { readClaims } from "../api/token";

/** A visitor's access while a link is open. */
export interface Grant {
  readonly token: string;
  readonly renewalHandle: string;
  readonly sessionId: string;
  /** End of the link, in milliseconds since 1970. */
  readonly linkEndsMs: number;
  /** The part of the session, in milliseconds from its start; undefined: from its start, to its end. */
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  /** Number of remaining views of the link; undefined: no limit. */
  readonly viewsLeft: number | undefined;
  /** Whether the part may be exported and downloaded. */
  readonly mayDownload: boolean;
}

/** Part of a grant's life after which it is renewed: there is time to try again before it ends. */
const RENEW_AFTER = 0.6;

const SHORTEST_WAIT_MS = 2_000;
const DEFAULT_LIFE_MS = 900_000;

/**
 * Returns the delay after which a grant is to be renewed, in milliseconds. Its lifetime is the difference of its own
 * two times: the visitor's clock may be wrong by hours.
 */
export function renewAfterMs(token: string): number {
  const { iat, exp } = readClaims(token) ?? {};
  const lifeMs = typeof iat === "number" && typeof exp === "number" ? (exp - iat) * 1000 : DEFAULT_LIFE_MS;
  return Math.max(lifeMs * RENEW_AFTER, SHORTEST_WAIT_MS);
}

/**
 * Keeps the renewal handle of the link that a tab has open, so that a reload is not another view. It is stored under a
 * hash of the link's token: the token itself stays where it is, in the address.
 */
export class HandleStore {
  static readonly #key = "afterimage.share";
  readonly #storage: Storage | undefined;

  /** @param storage The tab's storage; undefined: not available, every reload is a view. */
  constructor(storage: Storage | undefined) {
    this.#storage = storage;
  }

  /** Returns the handle of a link; undefined: none is kept. */
  read(token: string): string | undefined {
    try {
      const [fingerprint, handle] = (this.#storage?.getItem(HandleStore.#key) ?? "").split(" ");
      return fingerprint === fingerprintOf(token) && handle ? handle : undefined;
    } catch {
      return undefined; // storage is forbidden here
    }
  }

  /** Keeps the handle of a link, in place of any other's. */
  write(token: string, handle: string): void {
    try {
      this.#storage?.setItem(HandleStore.#key, `${fingerprintOf(token)} ${handle}`);
    } catch {
      // Full or forbidden: a reload is then another view.
    }
  }

  /** Forgets the handle: the link has ended. */
  clear(): void {
    try {
      this.#storage?.removeItem(HandleStore.#key);
    } catch {
      // Nothing was kept then.
    }
  }
}

/** FNV-1a over 32 bits: distinguishes this tab's links, and is far too short to derive a token from. */
function fingerprintOf(token: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < token.length; index++) {
    hash = Math.imul(hash ^ token.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}
