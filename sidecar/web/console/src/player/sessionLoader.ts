// Fetches a session's details and interactions; those of a live session again and again.
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import type { Api } from "../api/api";
import { fetchDetails, fetchInteractions } from "./details";

/** Interval at which a live session's totals and marks are fetched, in milliseconds. */
const REFRESH_MS = 10_000;

export interface LoaderEvents {
  onDetails: (details: GetSessionResponse) => void;
  /** `isListed`: the interactions are for the panel's list; else they only show when something moved. */
  onInteractions: (isListed: boolean, interactions: readonly Interaction[]) => void;
}

export class SessionLoader {
  readonly #api: Api;
  readonly #sessionId: string;
  readonly #events: LoaderEvents;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

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

  /** Loads everything again every 10 seconds, as long as `isLive` returns true. */
  refreshWhile(isLive: () => boolean): void {
    if (!isLive() || this.isClosed) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.loadDetails()
        .then(() => this.loadInteractions())
        .catch(() => undefined) // the chunks' stream reports lasting problems
        .finally(() => {
          this.refreshWhile(isLive);
        });
    }, REFRESH_MS);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }
}
