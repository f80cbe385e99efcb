import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { type Export, ExportSchema, ExportState } from "@contract/export/v1/export_pb";
import {
  CancelExportResponseSchema,
  DeleteExportResponseSchema,
  ExportService,
  ListExportsResponseSchema,
  WatchExportsResponseSchema,
} from "@contract/export/v1/export_service_pb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Api } from "../../src/api/api";
import { ExportJobs } from "../../src/exports/exportJobs";

/** A connection on which the test sends. */
class Connection {
  static all: Connection[] = [];
  binaryType = "";
  onopen = () => undefined as unknown;
  onmessage: (event: { data: ArrayBuffer }) => void = () => undefined;
  onclose: (event: { code: number }) => void = () => undefined;
  isClosed = false;
  constructor(readonly url: URL) {
    Connection.all.push(this);
  }
  send(): void {
    // Sent messages are ignored.
  }
  close(): void {
    this.isClosed = true;
  }
  receive(message: Parameters<typeof create<typeof WatchExportsResponseSchema>>[1]): void {
    const { buffer } = toBinary(WatchExportsResponseSchema, create(WatchExportsResponseSchema, message)).slice();
    this.onmessage({ data: buffer });
  }
}

const exported = (exportId: string, state = ExportState.RUNNING): Export => create(ExportSchema, { exportId, state });

let listed: Export[] = [];
let refuses = false;

function api(): Api {
  const transport = createRouterTransport(({ service }) => {
    service(ExportService, {
      listExports: () => create(ListExportsResponseSchema, { exports: listed }),
      cancelExport: ({ exportId }) =>
        create(CancelExportResponseSchema, { export: exported(exportId, ExportState.CANCELLED) }),
      deleteExport: () => {
        if (refuses) {
          throw new ConnectError("away", Code.Unavailable);
        }
        return create(DeleteExportResponseSchema);
      },
    });
  });
  const exports = createClient(ExportService, transport);
  return { credentials: { token: () => "token" }, exports } as unknown as Api;
}

const ids = (jobs: ExportJobs) => jobs.jobs.exports.map(({ exportId }) => exportId);

beforeEach(() => {
  vi.stubGlobal("WebSocket", Connection);
  vi.stubGlobal("location", { href: "https://console.example/" });
  [Connection.all, listed, refuses] = [[], [], false];
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("opens no stream for a user without exports, and one with the first export", async () => {
  const jobs = new ExportJobs(api());
  jobs.follow("ada");
  await new Promise((done) => setTimeout(done));
  expect(Connection.all).toEqual([]);
  jobs.add(exported("a", ExportState.QUEUED));
  expect(Connection.all.map(({ url }) => url.pathname)).toEqual(["/ws/exports"]);
  expect([ids(jobs), jobs.jobs.isOpen]).toEqual([["a"], true]);
  expect(jobs.jobs.news).toContain("Export started");
});

it("follows the exports that there are, in a closed list, and ends with the user", async () => {
  listed = [exported("a")];
  const jobs = new ExportJobs(api());
  const end = jobs.follow("ada");
  await vi.waitFor(() => {
    expect(Connection.all).toHaveLength(1);
  });
  const [connection] = Connection.all;
  connection?.receive({ message: { case: "snapshot", value: { exports: [exported("b"), exported("a")] } } });
  expect([ids(jobs), jobs.jobs.isOpen, jobs.jobs.news]).toEqual([["b", "a"], false, ""]);
  connection?.receive({ message: { case: "upsert", value: exported("b", ExportState.DONE) } });
  expect(jobs.jobs.news).toContain("ready");
  connection?.receive({ message: { case: "removal", value: { exportId: "b" } } });
  expect(ids(jobs)).toEqual(["a"]);
  end();
  expect([connection?.isClosed, ids(jobs)]).toEqual([true, []]);
});

it("cancels and deletes, and keeps the problem with an order", async () => {
  const jobs = new ExportJobs(api());
  jobs.follow("ada");
  jobs.add(exported("a"));
  await jobs.cancel("a");
  expect(jobs.jobs.exports.map(({ state }) => state)).toEqual([ExportState.CANCELLED]);
  refuses = true;
  await jobs.remove("a");
  expect([ids(jobs), jobs.jobs.problems.get("a")?.kind]).toEqual([["a"], "unavailable"]);
  refuses = false;
  await jobs.remove("a");
  expect([ids(jobs), jobs.jobs.problems.size]).toEqual([[], 0]);
});
