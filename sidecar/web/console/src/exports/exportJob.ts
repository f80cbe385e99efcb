// An export from its creation to the saved file: followed, downloaded, and deleted on the server.
import { create } from "@bufbuild/protobuf";
import { type Export, type ExportFile, ExportState } from "@contract/export/v1/export_pb";
import {
  DownloadExportRequestSchema,
  DownloadExportResponseSchema,
  WatchExportsRequestSchema,
  WatchExportsResponseSchema,
} from "@contract/export/v1/export_service_pb";
import type { Api } from "../api/api";
import { type Problem, problem } from "../api/errors";
import { openStream, type Stream, type StreamState } from "../sockets/stream";

/** Where an export is. */
export type JobState =
  | { kind: "making"; export: Export }
  | { kind: "downloading"; receivedBytes: number; file: ExportFile }
  | { kind: "saved"; file: ExportFile }
  | { kind: "failed"; problem: Problem };

/** Follows an export, and saves its file; broken connections are opened again by themselves. */
export class ExportJob {
  readonly #api: Api;
  readonly #exportId: string;
  readonly #onState: (state: JobState) => void;
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  #receivedBytes = 0;
  #stream: Stream | undefined;
  #isOver = false;

  /**
   * @param made The export as the server created it.
   * @param onState Called with each state, the first one at once.
   */
  constructor(api: Api, made: Export, onState: (state: JobState) => void) {
    this.#api = api;
    this.#exportId = made.exportId;
    this.#onState = onState;
    this.#take(made);
    if (!this.#isOver && this.#stream === undefined) {
      this.#follow();
    }
  }

  /** Ends it: an export that is not saved is cancelled. */
  end(): void {
    this.#stream?.close();
    if (!this.#isOver) {
      this.#isOver = true;
      this.#delete();
    }
  }

  #follow(): void {
    this.#stream = openStream({
      path: "/ws/exports",
      request: WatchExportsRequestSchema,
      response: WatchExportsResponseSchema,
      credentials: this.#api.credentials,
      ask: () => create(WatchExportsRequestSchema, { exportId: this.#exportId }),
      onMessage: ({ message }) => {
        const [first] = message.case === "snapshot" ? message.value.exports : [];
        if (message.case === "removal") {
          this.#fail(problem("not-found", { title: "The export was deleted", advice: DELETED }));
        } else if (message.case === "upsert" || first !== undefined) {
          this.#take(message.case === "upsert" ? message.value : first);
        }
      },
      onState: (state) => {
        this.#failIfEnded(state);
      },
    });
  }

  #take(found: Export | undefined): void {
    if (this.#isOver || found === undefined) {
      return;
    }
    switch (found.state) {
      case ExportState.QUEUED:
      case ExportState.RUNNING:
        this.#onState({ kind: "making", export: found });
        break;
      case ExportState.DONE:
        if (found.file !== undefined) {
          this.#stream?.close();
          this.#download(found.file);
        }
        break;
      default:
        this.#fail(problem("bad-request", { title: "The export failed", advice: adviceOf(found) }));
    }
  }

  #download(file: ExportFile): void {
    this.#onState({ kind: "downloading", receivedBytes: 0, file });
    this.#stream = openStream({
      path: "/ws/export",
      request: DownloadExportRequestSchema,
      response: DownloadExportResponseSchema,
      credentials: this.#api.credentials,
      ask: () => create(DownloadExportRequestSchema, { exportId: this.#exportId, offset: BigInt(this.#receivedBytes) }),
      onMessage: ({ message }) => {
        if (message.case === "data") {
          this.#parts.push(new Uint8Array(message.value));
          this.#receivedBytes += message.value.length;
          this.#onState({ kind: "downloading", receivedBytes: this.#receivedBytes, file });
        }
      },
      onState: (state) => {
        if (state.kind === "done" && BigInt(this.#receivedBytes) === file.sizeBytes) {
          this.#isOver = true;
          save(new Blob(this.#parts, { type: file.contentType }), file.name);
          this.#onState({ kind: "saved", file });
          this.#delete();
        } else {
          this.#failIfEnded(state);
        }
      },
    });
  }

  #failIfEnded(state: StreamState): void {
    if (state.kind === "failed") {
      this.#fail(state.problem);
    } else if (state.kind === "done") {
      this.#fail(problem("unavailable"));
    }
  }

  #fail(why: Problem): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#onState({ kind: "failed", problem: why });
      this.#delete();
    }
  }

  #delete(): void {
    // Nothing depends on it: the server deletes files in time. Deletion cancels an export that is being made.
    this.#api.exports.deleteExport({ exportId: this.#exportId }).catch(() => undefined);
  }
}

const DELETED = "The session may have been deleted, or an administrator has deleted the export.";

function adviceOf(found: Export): string {
  const message = found.failure?.message ?? "";
  return message === "" ? "It was cancelled, or has expired." : `The server reports: ${message}.`;
}

/** Time after which a saved file is released, in milliseconds: the browser has begun to read it by then. */
const RELEASE_MS = 60_000;

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, RELEASE_MS);
}
