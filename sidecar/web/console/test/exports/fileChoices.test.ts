import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { ExportFormat, ExportTable } from "@contract/export/v1/export_pb";
import { SessionFilterSchema } from "@contract/audit/v1/session_filter_pb";
import { DeviceType, InteractionKind } from "@contract/recording/v1/enums_pb";
import { expect, it } from "vitest";
import { filesOfHeatmap, filesOfSessions, requestOfFile } from "../../src/exports/fileChoices";
import { choiceOf, heatmapsOf, sessionFilterOf } from "../../src/heatmap/choice";

it("a list of sessions is exported as two tables in two formats, and as a report", () => {
  const filter = create(SessionFilterSchema, { page: "/checkout" });
  const requests = filesOfSessions(() => filter, undefined).map((file) => requestOfFile(file, 0, "id"));
  expect(requests.map(({ content, format }) => [content.case === "table" && content.value.table, format])).toEqual([
    [ExportTable.SESSIONS, ExportFormat.CSV],
    [ExportTable.SESSIONS, ExportFormat.PARQUET],
    [ExportTable.INTERACTIONS, ExportFormat.CSV],
    [ExportTable.INTERACTIONS, ExportFormat.PARQUET],
    [ExportTable.SESSIONS, ExportFormat.PDF],
  ]);
  expect(requests.map(({ content }) => content.case === "table" && content.value.report !== undefined)).toEqual([
    ...Array<boolean>(4).fill(false),
    true,
  ]);
  expect(requests.map(({ content }) => content.case === "table" && content.value.filter?.page)).toEqual(
    Array(5).fill("/checkout"),
  );
});

it("a heatmap is exported as the interactions that it counts, of sessions that visited the page", () => {
  const query = new URLSearchParams({ page: "https://shop.example/orders/:id", device: "mobile", time: "24h" });
  const choice = { ...choiceOf(query), kind: HeatmapKind.DEAD };
  const [csv, , report] = filesOfHeatmap(
    choice.kind,
    "Dead clicks",
    (nowMs) => sessionFilterOf(choice, nowMs),
    (nowMs) => heatmapsOf(choice, nowMs),
  );
  expect(report?.label).toBe("Report (PDF)");
  const heatmaps = report && requestOfFile(report, 86_400_001, "id");
  expect(heatmaps?.format).toBe(ExportFormat.PDF);
  expect(heatmaps?.content).toMatchObject({
    case: "heatmap",
    value: {
      page: "https://shop.example/orders/:id",
      deviceTypes: [DeviceType.MOBILE],
      kinds: [],
      report: { timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone },
    },
  });
  expect(csv?.label).toBe("Dead clicks (CSV)");
  const { content } = csv === undefined ? {} : requestOfFile(csv, 86_400_001, "id");
  const table = content?.case === "table" ? content.value : undefined;
  expect(table).toMatchObject({ table: ExportTable.INTERACTIONS, kinds: [InteractionKind.DEAD_CLICK] });
  expect(table?.filter).toMatchObject({ page: "https://shop.example/orders/", deviceTypes: [DeviceType.MOBILE] });
  expect(table?.filter?.startTime && timestampMs(table.filter.startTime)).toBe(1);
});
