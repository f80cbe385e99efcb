import { SessionStatus } from "@contract/recording/v1/enums_pb";
import type { ReactNode } from "react";
import { pathOf, withoutScheme } from "../format/address";
import { count } from "../format/amounts";
import { clock, date, duration, fullDate } from "../format/time";
import { ActionLine } from "../player/ActionLine";
import { type Action } from "../player/actions";
import { lengthMs, timeMs } from "../player/details";
import { FactList } from "../player/FactsTab";
import { actionText, oddLabel, oneLine } from "../player/labels";
import { missingText } from "../player/missingText";
import { about, counted, counts, maskedLabel } from "../player/sessionFacts";
import { gathered, marksOf, marksOfOdd } from "../player/timeline";
import timelineStyles from "../player/Timeline.module.css";
import { binsFor, TimelineStrip } from "../player/TimelineStrip";
import { noteOf } from "./findings";
import { lossText, replacedText } from "./lossLabels";
import { MOST_PICTURED, type PageVisit, pictureOfFinding } from "./moments";
import { Head, LeftOut, Rows, Section } from "./Parts";
import type { SessionReportData } from "./sessionReportData";
import { summaryOf } from "./summary";

/** Pages, findings, and rows of a table that are listed at most. */
const MOST_LISTED = 100;
const MOST_ROWS = 200;

/** Part of the strip within which marks are shown as one. */
const MARK_PART = 1 / 80;

/** The report of one session. */
export function SessionReport({ data }: { data: SessionReportData }) {
  const { session, maskedCounts, windows } = data.details;
  const { actions, findings, visits, span } = data;
  const link = data.context.consoleUrl === "" ? "" : `${data.context.consoleUrl}/sessions/${data.sessionId}`;
  if (session === undefined) {
    return null;
  }
  const errors = actions.filter((action) => action.kind === "error");
  const requests = actions.filter((action) => action.kind === "request");
  const isLive = session.status === SessionStatus.LIVE;
  return (
    <main>
      <Head
        kind="Report of a session"
        title={withoutScheme(session.firstUrl) || "Recorded session"}
        facts={[fullDate(timeMs(session.startTime)), duration(lengthMs(session.duration))]}
        link={link}
      />
      {isLive ? (
        <p className="note">
          The session is still live: the report has everything that was stored up to {date(data.context.createdMs)}.
        </p>
      ) : null}
      <Section title="Summary">
        {summaryOf(session, findings, errors.length, requests.length).map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
        <Strip data={data} />
      </Section>
      <Section title="Facts">
        <div className="facts">
          <FactList facts={about(session)} />
          <div>
            {session.totals === undefined ? null : <FactList facts={counted(session.totals)} />}
            <FactList facts={[["Windows", String(windows.length)]]} />
          </div>
        </div>
        {Object.keys(session.tags).length === 0 ? null : (
          <>
            <h3>Tags</h3>
            <div className="facts">
              <FactList facts={Object.entries(session.tags).sort(([a], [b]) => a.localeCompare(b))} />
            </div>
          </>
        )}
      </Section>
      <Section title="Findings">
        {findings.length === 0 ? <p className="soft">No signs of frustration were found in this session.</p> : null}
        {findings.slice(0, MOST_LISTED).map((finding, at) => (
          <Entry
            key={at}
            title={actionText(finding)}
            facts={[momentOf(finding.timeMs, data, link), pageAt(finding, visits)]}
            picture={data.pictures.get(pictureOfFinding(at))}
            label={`The page at ${clock(finding.timeMs - span.fromMs)}`}
          >
            <p className="soft">{noteOf(finding)}</p>
          </Entry>
        ))}
        <LeftOut shown={MOST_LISTED} all={findings.length} noun="findings" />
        <PicturesLeftOut shown={MOST_PICTURED} all={findings.length} noun="findings" />
      </Section>
      <Section title="Pages">
        {visits.length === 0 ? <p className="soft">No page was recorded.</p> : null}
        {visits.slice(0, MOST_LISTED).map((visit, at) => (
          <Entry
            key={at}
            title={pathOf(visit.url) || "Page without an address"}
            facts={[visit.url, momentOf(visit.fromMs, data, link), `${duration(visit.toMs - visit.fromMs)} until left`]}
            picture={data.pictures.get(at)}
            label={`The page ${visit.url}`}
          />
        ))}
        <LeftOut
          shown={Math.min(MOST_LISTED, visits.length)}
          all={Math.max(visits.length, Number(session.totals?.pageCount ?? 0n))}
          noun="pages"
        />
        <PicturesLeftOut shown={MOST_PICTURED} all={visits.length} noun="pages" />
        {data.pictures.size === 0 && visits.length > 0 ? (
          <p className="note">There are no pictures: the recording has no full snapshot of a page.</p>
        ) : null}
      </Section>
      <Section title="Console errors">
        <ErrorRows data={data} errors={errors} link={link} />
      </Section>
      <Section title="Failed requests">
        <Rows
          columns={["@Time", "Request"]}
          rows={requests}
          most={MOST_ROWS}
          noun="failed requests"
          empty="No request failed, or the recorder did not record requests."
        >
          {(action) => [momentOf(action.timeMs, data, link), <ActionLine key="" action={action} />]}
        </Rows>
      </Section>
      <Section title="Masked and lost">
        <h3>Masked by the server</h3>
        <Rows
          columns={["Rule", "#Values"]}
          rows={maskedCounts}
          most={MOST_ROWS}
          noun="rules"
          empty="Nothing: the browser sent no data that the privacy policy masks."
        >
          {(masked) => [maskedLabel(masked), masked.count.toLocaleString("en")]}
        </Rows>
        <h3>Lost or not shown</h3>
        <Lost data={data} />
      </Section>
      <footer className="soft">
        Made by Afterimage for an export of {date(data.context.createdMs)}. Masked values are not in it.
      </footer>
    </main>
  );
}

/** The session's activity, pauses, pages, errors and findings over time. */
function Strip({ data }: { data: SessionReportData }) {
  const { span, actions, oddEvents } = data;
  const marks = [...marksOf(actions, actionText), ...marksOfOdd(oddEvents, oddLabel)].sort(
    (one, other) => one.timeMs - other.timeMs,
  );
  const lengthOfSpan = span.toMs - span.fromMs;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => clock(part * lengthOfSpan));
  return (
    <figure className="strip">
      <div className={timelineStyles.bar} role="img" aria-label="Timeline of the session">
        <TimelineStrip
          span={span}
          histogram={data.histogram(binsFor(span))}
          pauses={data.pauses}
          skipsPauses={false}
          marks={gathered(marks, lengthOfSpan * MARK_PART)}
        />
      </div>
      <div className="ticks">
        {ticks.map((tick, at) => (
          <span key={at}>{tick}</span>
        ))}
      </div>
      <figcaption className="legend">
        {(["page", "error", "rage", "dead", "other"] as const).map((kind) => (
          <span key={kind}>
            <span className={[timelineStyles.mark, timelineStyles[kind]].join(" ")} /> {MARKS[kind]}
          </span>
        ))}
        <span>Hatched: pause</span>
      </figcaption>
    </figure>
  );
}

const MARKS = {
  page: "Page",
  error: "Error or failed request",
  rage: "Rage click",
  dead: "Dead click",
  other: "Quick back, mouse thrash",
} as const;

interface EntryProps {
  title: string;
  facts: readonly ReactNode[];
  picture: string | undefined;
  label: string;
  children?: ReactNode;
}

/** A page or a finding, with its picture. */
function Entry({ title, facts, picture, label, children }: EntryProps) {
  return (
    <article>
      <div>
        <h3>
          <bdi>{oneLine(title)}</bdi>
        </h3>
        <ul className="soft">
          {facts.map((fact, at) => (
            <li key={at}>
              <bdi>{fact}</bdi>
            </li>
          ))}
        </ul>
        {children}
      </div>
      {picture === undefined ? null : <img src={picture} alt={oneLine(label)} />}
    </article>
  );
}

function PicturesLeftOut({ shown, all, noun }: { shown: number; all: number; noun: string }) {
  return all <= shown ? null : (
    <p className="soft">
      Only the first {shown} {noun} have a picture.
    </p>
  );
}

function ErrorRows({ data, errors, link }: { data: SessionReportData; errors: readonly Action[]; link: string }) {
  const words = "The page wrote no errors to its console, or the recorder did not record the console.";
  if (errors.length > 0) {
    return (
      <Rows columns={["@Time", "Error"]} rows={errors} most={MOST_ROWS} noun="errors" empty={words}>
        {(action) => [momentOf(action.timeMs, data, link), <ActionLine key="" action={action} />]}
      </Rows>
    );
  }
  return (
    <Rows columns={["@Time", "Error"]} rows={data.consoleErrors} most={MOST_ROWS} noun="errors" empty={words}>
      {(row) => [momentOf(row.timeMs, data, link), <bdi key="">{oneLine(row.text)}</bdi>]}
    </Rows>
  );
}

/** Gaps of the recording, and of its pictures. */
function Lost({ data }: { data: SessionReportData }) {
  const { gaps, losses, oddEvents, unreadable, missing } = data;
  const lines = [
    ...losses.map(lossText),
    gaps === 0 ? "" : `${count(gaps, "chunk")} between the stored ones never arrived.`,
    unreadable === 0 ? "" : `${count(unreadable, "chunk")} could not be read.`,
    replacedText(data.replaced),
    ...counts(oddEvents.map(oddLabel)).map(([label, times]) => `${label} (${times} ×).`),
    missing === null || missingText({ ...missing, hosts: [] }) === ""
      ? ""
      : `${missingText({ ...missing, hosts: [] })}: the recorded pages named them, and they are not part of the recording.`,
    data.isCutShort ? "There are more interactions than the report counts: later ones are missing in its lists." : "",
  ].filter(Boolean);
  if (lines.length === 0) {
    return <p className="soft">Nothing that is known of.</p>;
  }
  return (
    <ul className="list">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

/** A moment of the session, which leads into the player where the console's address is known. */
function momentOf(ms: number, { span }: SessionReportData, link: string): ReactNode {
  const text = clock(ms - span.fromMs);
  const second = Math.max(0, Math.floor((ms - span.fromMs) / 1000));
  return link === "" ? text : <a href={`${link}?t=${second}`}>{text}</a>;
}

function pageAt({ windowId, timeMs: ms }: Action, visits: readonly PageVisit[]): string {
  return visits.findLast((visit) => visit.windowId === windowId && visit.fromMs <= ms)?.url ?? "";
}
