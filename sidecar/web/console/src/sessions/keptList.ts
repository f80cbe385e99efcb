// The list of sessions as it was left: the way back from a session leads to the same place in it.
import type { Session } from "@contract/recording/v1/session_pb";
import { createContext } from "react";

/** A list, as far as it was loaded. */
export interface LoadedList {
  sessions: readonly Session[];
  /** Token of the next page; null: this was the last page. */
  pageToken: string | null;
  /** When its first page was fetched, in milliseconds since 1970 UTC. */
  beganMs: number;
}

/** Keeps the last list that was left. */
export class KeptList {
  #kept: { entry: string; list: LoadedList } | null = null;

  /** @param entry Key of the browser's history entry (`location.key`). */
  keep(entry: string, list: LoadedList): void {
    this.#kept = { entry, list };
  }

  /** Returns the list of a history entry; undefined: another one, or none, was left last. */
  of(entry: string): LoadedList | undefined {
    return this.#kept?.entry === entry ? this.#kept.list : undefined;
  }
}

/** The list that was left last in this tab; null: none is kept. */
export const KeptListContext = createContext<KeptList | null>(null);
