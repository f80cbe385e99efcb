import { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import { withoutScheme } from "../format/address";
import { ACTOR, DEVICE } from "../format/enums";
import { date } from "../format/time";
import { ClickedTable } from "../heatmap/ClickedTable";
import { searchOf } from "../heatmap/choice";
import { DEVICES } from "../heatmap/devices";
import { reachOf } from "../heatmap/gradients";
import { HeatmapCanvas } from "../heatmap/HeatmapCanvas";
import type { Extent, HeatmapData } from "../heatmap/heatmapData";
import { clickedHeading, emptyLabels, KINDS, summaryLabels } from "../heatmap/labels";
import { Legend } from "../heatmap/Legend";
import { timeMs } from "../player/details";
import { columnsFor } from "./columns";
import type { HeatmapsReportData } from "./heatmapsReportData";
import { Head, Section } from "./Parts";

/** The report of a page's heatmaps. */
export function HeatmapsReport({ data }: { data: HeatmapsReportData }) {
  const { request, context, shown } = data;
  const { consoleUrl, createdMs } = context;
  const conditions = [
    request.startTime === undefined ? "" : `from ${date(timeMs(request.startTime))}`,
    request.endTime === undefined ? "" : `before ${date(timeMs(request.endTime))}`,
    request.deviceTypes.map((type) => DEVICE[type]).join(" or "),
    request.actorTypes.map((type) => ACTOR[type]).join(" or "),
    request.minViewportWidth === 0 ? "" : `viewports from ${request.minViewportWidth} px`,
    request.maxViewportWidth === 0 ? "" : `viewports up to ${request.maxViewportWidth} px`,
  ].filter(Boolean);
  return (
    <main>
      <Head
        kind="Report of a page"
        title={withoutScheme(request.page)}
        facts={[conditions.length === 0 ? "All interactions" : conditions.join(", "), date(createdMs)]}
        link={consoleUrl === "" ? "" : `${consoleUrl}/heatmap?${addressOf(data)}`}
      />
      <p className="soft">
        {shown === null || data.picture === ""
          ? `None of the newest sessions shows this page: the pictures are of a blank page of its typical size, ${data.page.width} × ${data.page.height}.`
          : `The page is shown as a visitor saw it on ${date(shown.timeMs)}.`}
      </p>
      {[...data.heats.values()].map((heat) => (
        <HeatmapPart key={heat.kind} heat={heat} data={data} />
      ))}
      <footer className="soft">Made by Afterimage for an export of {date(createdMs)}.</footer>
    </main>
  );
}

function HeatmapPart({ heat, data }: { heat: HeatmapData; data: HeatmapsReportData }) {
  const kind = KINDS.find((one) => one.kind === heat.kind);
  const { page } = data;
  const reach = reachOf(heat.resolution, page);
  return (
    <Section title={kind?.label ?? "Heatmap"}>
      {heat.points.length === 0 ? (
        <div className="together">
          <p>{kind?.what}</p>
          <p className="note">
            {emptyLabels({ kind: heat.kind, hasDevice: false, hasTimes: false, hasWidths: false }).why}
          </p>
        </div>
      ) : (
        <>
          <div className="together">
            <p>{kind?.what}</p>
            <div className="heat-head">
              <p className="soft">{summaryLabels(heat).join(" ")}</p>
              <Legend heat={heat} page={page} reach={reach} />
            </div>
            <Pictures heat={heat} page={page} picture={data.picture} label={kind?.label ?? ""} />
          </div>
          {clickedHeading(heat.kind) === undefined ? null : (
            <div className="elements">
              <ClickedTable heat={heat} isPrinted />
            </div>
          )}
        </>
      )}
    </Section>
  );
}

/** The page with the heatmap over it; a tall one continues in columns, from left to right. */
function Pictures({ heat, page, picture, label }: { heat: HeatmapData; page: Extent; picture: string; label: string }) {
  const { count, width, height } = columnsFor(page);
  return (
    <div className="heat-columns">
      {Array.from({ length: count }, (_, at) => (
        <div key={at} className="heat-column" style={{ width, height: height / count }}>
          <div style={{ top: -at * (height / count), width, height }}>
            {picture === "" ? null : <img src={picture} alt="" />}
            <span className="scrim" />
            <HeatmapCanvas
              heat={heat}
              page={page}
              label={count === 1 ? label : `${label}, part ${at + 1} of ${count} from the top`}
            />
          </div>
        </div>
      ))}
    </div>
  );
}

function addressOf({ request, heats }: HeatmapsReportData): string {
  const [kind] = heats.keys();
  const device = DEVICES.find((one) => one.device === request.deviceTypes[0]);
  const widths = { min: request.minViewportWidth, max: request.maxViewportWidth };
  return searchOf({
    page: request.page,
    kind: kind ?? HeatmapKind.CLICK,
    device: request.deviceTypes.length === 1 ? (device?.name ?? "") : "",
    period: "",
    widths,
  }).toString();
}
