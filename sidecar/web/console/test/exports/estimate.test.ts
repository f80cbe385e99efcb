import { create } from "@bufbuild/protobuf";
import { ExportFormat, ExportTable } from "@contract/export/v1/export_pb";
import { TotalsSchema } from "@contract/recording/v1/session_pb";
import { describe, expect, it } from "vitest";
import { estimateLabel, sessionEstimate, tableEstimate } from "../../src/exports/estimate";

const totals = create(TotalsSchema, { rawBytes: 3_141_592n, storedBytes: 300_000n, clickCount: 90n, errorCount: 10n });

describe("the expected size of a session's file", () => {
  it.each([
    [ExportFormat.JSON, false, "about 3.1 MB"],
    [ExportFormat.JSON, true, "at most about 3.1 MB"],
    [ExportFormat.HTML, false, "about 700 KB"],
    [ExportFormat.MP4, false, ""],
    [ExportFormat.PNG, false, ""],
    [ExportFormat.HAR, false, ""],
  ])("%i, a part: %s", (format, isPart, label) => {
    expect(estimateLabel(sessionEstimate(format, totals, isPart))).toBe(label);
  });

  it("is unknown without counters", () => {
    expect(sessionEstimate(ExportFormat.JSON, undefined, false)).toBeUndefined();
  });
});

describe("the expected size of a table", () => {
  const { SESSIONS, INTERACTIONS } = ExportTable;
  it.each([
    [ExportFormat.CSV, SESSIONS, [totals, totals], "about 1 KB"],
    [ExportFormat.CSV, INTERACTIONS, [totals, undefined, totals], "about 58 KB"],
    [ExportFormat.CSV, SESSIONS, undefined, ""],
    [ExportFormat.CSV, SESSIONS, [], ""],
    [ExportFormat.PARQUET, SESSIONS, [totals], ""],
  ])("%i of %i", (format, table, sessions, label) => {
    expect(estimateLabel(tableEstimate(format, table, sessions))).toBe(label);
  });
});
