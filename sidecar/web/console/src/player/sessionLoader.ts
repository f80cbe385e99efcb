// Fetches a session's details and interactions; those of a live session again and again.
import type { Api } from "../api/api";
import { fetchDetails, fetchInteractions } from "./details";
import type { Loader, LoaderEvents } from "./source";

/** Interval at which a live session's totals and marks are fetched without news of it, in milliseconds. */
const REFRESH_MS = 10_000;

/** Interval at which they are fetched while the visitor does something, in milliseconds. */
const SOON_MS = 500;

/** Most of the time that fetching takes, so that a long session does not keep the server busy: a fifth. */
const LEAST_REST = 4;

export class SessionLoader implements Loader {
  readonly #api: Api;
  readonly #sessionId: string;
  readonly #events: LoaderEvents;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLive: () => boolean = () => false;
  #isWaiting = false;
  /** Time by `performance.now()` before which nothing is fetched again. */
  #earliestMs = 0;

  constructor(api: Api, sessionId: string, events: LoaderEvents) {
    this.#api = api;
    this.#sessionId = sessionId;
    this.#events = events;
  }

  get isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  async loadDetails(): Promise<void> {
    this.#events.onDetails(await fetchDetails(this.#api, this.#sessionId, this.#abort.signal));
  }

  /** Returns whether all interactions that the session has until now were loaded. */
  async loadInteractions(): Promise<boolean> {
    let isComplete = true;
    const pages = fetchInteractions(this.#api, this.#sessionId, this.#abort.signal);
    for await (const { isListed, interactions, isCutShort } of pages) {
      this.#events.onInteractions(isListed, interactions);
      isComplete &&= !isCutShort;
    }
    return isComplete;
  }

  /** Loads everything again every 10 seconds, and soon after each `refreshSoon`, as long as `isLive` returns true. */
  refreshWhile(isLive: () => boolean): void {
    this.#isLive = isLive;
    this.#refreshIn(REFRESH_MS);
  }

  /** There is something new. */
  refreshSoon(): void {
    if (this.#isWaiting) {
      this.#refreshIn(SOON_MS);
    }
  }

  #refreshIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#isWaiting = this.#isLive() && !this.isClosed;
    if (!this.#isWaiting) {
      return;
    }
    const now = performance.now();
    const dueMs = Math.max(now + delayMs, this.#earliestMs);
    this.#timer = setTimeout(() => {
      void this.#refresh();
    }, dueMs - now);
  }

  async #refresh(): Promise<void> {
    this.#isWaiting = false;
    const beganMs = performance.now();
    try {
      await this.loadDetails();
      await this.loadInteractions();
    } catch {
      // The chunks' stream reports lasting problems.
    }
    const endedMs = performance.now();
    this.#earliestMs = endedMs + LEAST_REST * (endedMs - beganMs);
    this.#refreshIn(REFRESH_MS);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }
}
