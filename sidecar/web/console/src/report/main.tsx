// The document of reports, which a headless browser without a network prints as PDF: services/export/rendering/reports.py
// calls `afterimageReport`, hands over AuditService's answers, and has the report laid out from the console's parts.
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import "../ui/base.css";
import "../ui/tokens.css";
import "./report.css";
import { HeatmapsReport } from "./HeatmapsReport";
import { HeatmapsReportData } from "./heatmapsReportData";
import { SessionReport } from "./SessionReport";
import { SessionReportData } from "./sessionReportData";
import { SessionsReport } from "./SessionsReport";
import { SessionsReportData } from "./sessionsReportData";

const root = createRoot(document.querySelector("#root") ?? document.body);

/** Frames until everything is drawn. */
const FRAMES = 4;

/** Lays a report out; settles when all of its pictures are there. */
async function show(title: string, report: React.ReactNode): Promise<void> {
  flushSync(() => {
    root.render(report);
  });
  document.title = title;
  await document.fonts.ready;
  // Canvases learn their size in a frame, and are drawn after it.
  for (let frame = 0; frame < FRAMES; frame += 1) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  await Promise.all(Array.from(document.images, (image) => image.decode().catch(() => undefined)));
}

const session = new SessionReportData((data) => show(`Session ${data.sessionId}`, <SessionReport data={data} />));

const sessions = new SessionsReportData((data) => show("Report of sessions", <SessionsReport data={data} />));

const heatmaps = new HeatmapsReportData((data) =>
  show(`Heatmaps of ${data.request.page}`, <HeatmapsReport data={data} />),
);

declare global {
  interface Window {
    afterimageReport: { session: SessionReportData; sessions: SessionsReportData; heatmaps: HeatmapsReportData };
  }
}

window.afterimageReport = { session, sessions, heatmaps };
