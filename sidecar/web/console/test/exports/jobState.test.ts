import { create } from "@bufbuild/protobuf";
import { type Export, ExportFileSchema, ExportSchema, ExportState } from "@contract/export/v1/export_pb";
import { describe, expect, it } from "vitest";
import { jobStateOf, withExport, withoutExport } from "../../src/exports/jobState";

const file = create(ExportFileSchema, { name: "a.har", sizeBytes: 5n });
const exported = (exportId: string, state = ExportState.QUEUED): Export =>
  create(ExportSchema, { exportId, state, ...(state === ExportState.DONE ? { file } : {}) });

describe("a list of exports", () => {
  it("stays newest first, and has each export once", () => {
    let exports: readonly Export[] = [];
    for (const id of ["b", "c", "a", "c"]) {
      exports = withExport(exports, exported(id));
    }
    exports = withExport(exports, exported("b", ExportState.DONE));
    expect(exports.map(({ exportId, state }) => [exportId, state])).toEqual([
      ["c", ExportState.QUEUED],
      ["b", ExportState.DONE],
      ["a", ExportState.QUEUED],
    ]);
    expect(withoutExport(exports, "b").map(({ exportId }) => exportId)).toEqual(["c", "a"]);
  });
});

describe("where an export is", () => {
  it.each([
    [ExportState.QUEUED, "making"],
    [ExportState.RUNNING, "making"],
    [ExportState.DONE, "ready"],
    [ExportState.FAILED, "failed"],
    [ExportState.CANCELLED, undefined],
    [ExportState.EXPIRED, undefined],
  ])("%i: %s", (state, kind) => {
    expect(jobStateOf(exported("a", state))?.kind).toBe(kind);
  });

  it("is the download of a finished one, until that is gone", () => {
    expect(jobStateOf(exported("a", ExportState.DONE), { kind: "saved", file })?.kind).toBe("saved");
    expect(jobStateOf(exported("a", ExportState.EXPIRED), { kind: "saved", file })).toBeUndefined();
  });
});
