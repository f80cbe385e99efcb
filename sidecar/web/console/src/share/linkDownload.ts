// The download of a link's visitor: the file is made, or was made before, then saved.
import { create } from "@bufbuild/protobuf";
import { type Export, type ExportFormat, ExportSchema, ExportState } from "@contract/export/v1/export_pb";
import {
  CreateExportRequestSchema,
  WatchExportsRequestSchema,
  WatchExportsResponseSchema,
} from "@contract/export/v1/export_service_pb";
import type { Api } from "../api/api";
import { reasonOf } from "../api/details";
import { type Problem, problem, problemOf } from "../api/errors";
import { download } from "../exports/download";
import { failureOf, type JobState, jobStateOf } from "../exports/jobState";
import { openStream } from "../sockets/stream";

const GONE = problem("not-found", {
  title: "The file was deleted",
  advice: "The link may have expired, or was revoked.",
});

const TOO_MANY = problem("busy", {
  title: "Too many files were made through this link",
  advice: "Wait until one of them is deleted, or ask the sender for another link.",
});

/**
 * Has a file of a link's part made, and saves it.
 *
 * @param onState Called with each state; the last one is saved or failed.
 * @returns A function that ends it; no state follows.
 */
export function linkDownload(
  api: Api,
  sessionId: string,
  format: ExportFormat,
  onState: (state: JobState) => void,
): () => void {
  const abort = new AbortController();
  let end: () => void = () => undefined;

  const take = (found: Export): void => {
    const state = jobStateOf(found);
    if (state?.kind === "ready") {
      end();
      end = download(api, found.exportId, state.file, onState);
    } else {
      onState(state ?? { kind: "failed", problem: failureOf(found) });
    }
  };
  const follow = (exportId: string): void => {
    const stream = openStream({
      path: "/ws/exports",
      request: WatchExportsRequestSchema,
      response: WatchExportsResponseSchema,
      credentials: api.credentials,
      ask: () => create(WatchExportsRequestSchema, { exportId }),
      onMessage: ({ message }) => {
        if (message.case === "removal") {
          onState({ kind: "failed", problem: GONE });
        } else if (message.case === "upsert") {
          take(message.value);
        } else {
          message.value?.exports.slice(0, 1).forEach(take);
        }
      },
      onState: (state) => {
        if (state.kind === "failed") {
          onState({ kind: "failed", problem: state.problem.kind === "forbidden" ? GONE : state.problem });
        }
      },
    });
    end = stream.close;
  };

  onState({ kind: "making", export: create(ExportSchema, { state: ExportState.QUEUED }) });
  api.exports
    .createExport(create(CreateExportRequestSchema, { content: { case: "session", value: { sessionId } }, format }), {
      signal: abort.signal,
    })
    .then(
      ({ export: made }) => {
        if (made !== undefined && !abort.signal.aborted) {
          onState({ kind: "making", export: made });
          follow(made.exportId);
        }
      },
      (error: unknown) => {
        if (!abort.signal.aborted) {
          onState({ kind: "failed", problem: refusalOf(error) });
        }
      },
    );
  return () => {
    abort.abort();
    end();
  };
}

function refusalOf(error: unknown): Problem {
  switch (reasonOf(error)) {
    case "LINK_EXPORTS":
      return TOO_MANY;
    case "LINK_ENDED":
      return GONE;
    default:
      return problemOf(error);
  }
}
