// The exports of the signed-in user, followed while the console is open, and the downloads of this tab.
import { create } from "@bufbuild/protobuf";
import { type Export, ExportState } from "@contract/export/v1/export_pb";
import { WatchExportsRequestSchema, WatchExportsResponseSchema } from "@contract/export/v1/export_service_pb";
import { createContext } from "react";
import type { Api } from "../api/api";
import { type Problem, problemOf } from "../api/errors";
import { openStream, type Stream } from "../sockets/stream";
import { download } from "./download";
import { type Download, withExport, withoutExport } from "./jobState";
import { changeLabel } from "./jobLabels";

/** Most exports that are followed, the newest ones. */
const MOST = 100;

/** States that the tray shows. */
const SHOWN = [ExportState.QUEUED, ExportState.RUNNING, ExportState.DONE, ExportState.FAILED];

/** Contents of the tray. */
export interface Jobs {
  /** Newest first. */
  readonly exports: readonly Export[];
  readonly downloads: ReadonlyMap<string, Download>;
  /** Problems with orders of the user, by export. */
  readonly problems: ReadonlyMap<string, Problem>;
  /** Why the exports are not up to date. */
  readonly problem: Problem | undefined;
  /** Whether the list is open. */
  readonly isOpen: boolean;
  /** The latest change in words, for screen readers. */
  readonly news: string;
}

const NO_JOBS: Jobs = {
  exports: [],
  downloads: new Map(),
  problems: new Map(),
  problem: undefined,
  isOpen: false,
  news: "",
};

/**
 * Follows the exports of one user from `follow` until the returned function is called.
 *
 * A user without exports costs one call: the stream is opened with the first one.
 */
export class ExportJobs {
  readonly #api: Api;
  #jobs = NO_JOBS;
  #createdBy: string | undefined;
  #stream: Stream | undefined;
  #listeners: readonly (() => void)[] = [];
  readonly #downloading = new Map<string, () => void>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Contents of the tray; the same object until they change. */
  get jobs(): Jobs {
    return this.#jobs;
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  };

  /** Follows the exports that a subject created; returns how to stop. */
  follow(createdBy: string): () => void {
    const abort = new AbortController();
    this.#createdBy = createdBy;
    this.#api.exports.listExports({ createdBy, states: SHOWN, pageSize: 1 }, { signal: abort.signal }).then(
      ({ exports }) => {
        if (exports.length > 0 && !abort.signal.aborted) {
          this.#watch();
        }
      },
      () => undefined, // the tray comes with the next export, or the next page
    );
    return () => {
      abort.abort();
      this.#createdBy = undefined;
      this.#stream?.close();
      this.#stream = undefined;
      for (const end of this.#downloading.values()) {
        end();
      }
      this.#downloading.clear();
      this.#become({ ...NO_JOBS });
    };
  }

  /** Shows an export that was just created, in an open list. */
  add(made: Export): void {
    this.#become({
      exports: withExport(this.#jobs.exports, made),
      isOpen: true,
      news: changeLabel(undefined, made),
    });
    this.#watch();
  }

  /** Opens or closes the list. */
  setOpen(isOpen: boolean): void {
    this.#become({ isOpen });
  }

  /** Tries again to follow the exports. */
  retry(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#watch();
  }

  /** Downloads the file of an export. */
  save({ exportId, file }: Export): void {
    if (file === undefined || this.#downloading.has(exportId)) {
      return;
    }
    const end = download(this.#api, exportId, file, (state) => {
      this.#become({ downloads: new Map(this.#jobs.downloads).set(exportId, state) });
      if (state.kind !== "downloading") {
        this.#downloading.delete(exportId);
      }
    });
    // Without a token it has failed already.
    if (this.#jobs.downloads.get(exportId)?.kind === "downloading") {
      this.#downloading.set(exportId, end);
    }
  }

  /** Cancels an export that is not done. */
  async cancel(exportId: string): Promise<void> {
    await this.#order(exportId, async () => {
      const { export: cancelled } = await this.#api.exports.cancelExport({ exportId });
      if (cancelled !== undefined) {
        this.#become({ exports: withExport(this.#jobs.exports, cancelled) });
      }
    });
  }

  /** Deletes an export with its file. */
  async remove(exportId: string): Promise<void> {
    await this.#order(exportId, async () => {
      await this.#api.exports.deleteExport({ exportId });
      this.#forget(exportId);
    });
  }

  async #order(exportId: string, act: () => Promise<void>): Promise<void> {
    const problems = new Map(this.#jobs.problems);
    problems.delete(exportId);
    this.#become({ problems });
    try {
      await act();
    } catch (error) {
      this.#become({ problems: new Map(this.#jobs.problems).set(exportId, problemOf(error)) });
    }
  }

  #watch(): void {
    const createdBy = this.#createdBy;
    if (createdBy === undefined || this.#stream !== undefined) {
      return;
    }
    this.#stream = openStream({
      path: "/ws/exports",
      request: WatchExportsRequestSchema,
      response: WatchExportsResponseSchema,
      credentials: this.#api.credentials,
      ask: () => create(WatchExportsRequestSchema, { createdBy }),
      onMessage: ({ message }) => {
        if (message.case === "snapshot") {
          this.#become({ exports: message.value.exports.slice(0, MOST) });
        } else if (message.case === "upsert") {
          this.#change(message.value);
        } else if (message.case === "removal") {
          this.#forget(message.value.exportId);
        }
      },
      onState: (state) => {
        this.#become({
          problem: state.kind === "waiting" || state.kind === "failed" ? state.problem : undefined,
        });
      },
    });
  }

  #change(changed: Export): void {
    const before = this.#jobs.exports.find(({ exportId }) => exportId === changed.exportId);
    const news = changeLabel(before, changed);
    this.#become({ exports: withExport(this.#jobs.exports, changed), ...(news === "" ? {} : { news }) });
  }

  #forget(exportId: string): void {
    this.#downloading.get(exportId)?.();
    this.#downloading.delete(exportId);
    const downloads = new Map(this.#jobs.downloads);
    downloads.delete(exportId);
    this.#become({ exports: withoutExport(this.#jobs.exports, exportId), downloads });
  }

  #become(part: Partial<Jobs>): void {
    this.#jobs = { ...this.#jobs, ...part };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** The exports of the signed-in user; null: outside of the console's frame. */
export const ExportJobsContext = createContext<ExportJobs | null>(null);
