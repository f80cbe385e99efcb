// Downloads the file of an export and saves it; a broken connection is opened again, and goes on where it broke.
import { create } from "@bufbuild/protobuf";
import type { ExportFile } from "@contract/export/v1/export_pb";
import { DownloadExportRequestSchema, DownloadExportResponseSchema } from "@contract/export/v1/export_service_pb";
import type { Api } from "../api/api";
import { problem } from "../api/errors";
import { openStream } from "../sockets/stream";
import type { Download } from "./jobState";

/**
 * Downloads a file.
 *
 * @param onState Called with each state, the first one at once; the last one is saved or failed.
 * @returns A function that ends the download; no state follows.
 */
export function download(api: Api, exportId: string, file: ExportFile, onState: (state: Download) => void): () => void {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let receivedBytes = 0;
  onState({ kind: "downloading", receivedBytes, file });
  const stream = openStream({
    path: "/ws/export",
    request: DownloadExportRequestSchema,
    response: DownloadExportResponseSchema,
    credentials: api.credentials,
    ask: () => create(DownloadExportRequestSchema, { exportId, offset: BigInt(receivedBytes) }),
    onMessage: ({ message }) => {
      if (message.case === "data") {
        parts.push(new Uint8Array(message.value));
        receivedBytes += message.value.length;
        onState({ kind: "downloading", receivedBytes, file });
      }
    },
    onState: (state) => {
      if (state.kind === "done" && BigInt(receivedBytes) === file.sizeBytes) {
        save(new Blob(parts, { type: file.contentType }), file.name);
        onState({ kind: "saved", file });
      } else if (state.kind === "failed") {
        onState({ kind: "failed", problem: state.problem });
      } else if (state.kind === "done") {
        onState({ kind: "failed", problem: problem("unavailable") });
      }
    },
  });
  return stream.close;
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
