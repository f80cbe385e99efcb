import { withoutScheme } from "../format/address";
import { count, number } from "../format/amounts";
import { date, duration } from "../format/time";
import { ElementName } from "../heatmap/ClickedTable";
import { percentLabel } from "../heatmap/labels";
import { lengthMs, timeMs } from "../player/details";
import { oneLine } from "../player/labels";
import { actorText, troublesOf } from "../sessions/sessionLabels";
import { filterTexts } from "./filterText";
import { Head, Rows, Section } from "./Parts";
import { type Day, type PageCounts, type SessionsReportData, TROUBLES } from "./sessionsReportData";

/** Rows of each table at most. */
const MOST_DAYS = 92;
const MOST_ROWS = 30;
const MOST_SESSIONS = 60;

/** The report of the sessions under a filter. */
export function SessionsReport({ data }: { data: SessionsReportData }) {
  const { sessions, days, context } = data;
  const conditions = filterTexts(data.filter);
  const pages = "No pages were found in these sessions.";
  return (
    <main>
      <Head
        kind="Report of sessions"
        title={count(sessions.length, "session")}
        facts={[conditions.length === 0 ? "All sessions" : conditions.join(", "), date(context.createdMs)]}
        link={context.consoleUrl}
      />
      {data.isCutShort ? (
        <p className="note">There are more sessions: these are the newest {number(sessions.length)}.</p>
      ) : null}
      <Section title="Summary">
        {sessions.length === 0 ? <p>No session is under the filter.</p> : <Summary data={data} />}
        <Chart days={days.slice(0, MOST_DAYS)} />
      </Section>
      <Section title="By finding">
        <Rows
          columns={["Finding", "#Number", "#Sessions", "#Of all sessions"]}
          rows={data.troubles}
          most={MOST_ROWS}
          noun="findings"
          empty=""
        >
          {(row) => [
            row.name,
            number(row.count),
            number(row.sessions),
            percentLabel(row.sessions / Math.max(1, sessions.length)),
          ]}
        </Rows>
      </Section>
      <Section title="By day">
        <Rows
          columns={["@Day", "#Sessions", "#Clicks", ...TROUBLES.map(({ name }) => `#${SHORT[name]}`)]}
          rows={days}
          most={MOST_DAYS}
          noun="days"
          empty="There are no sessions."
        >
          {(day) => [
            dayText(day.atMs),
            number(day.sessions),
            number(day.clicks),
            ...day.troubles.map((n) => number(n)),
          ]}
        </Rows>
      </Section>
      {data.read < sessions.length ? (
        <p className="note">
          Pages and elements are those of the newest {number(data.read)} of {number(sessions.length)} sessions.
        </p>
      ) : null}
      <Section title="Worst pages">
        <PageRows pages={data.worstPages} empty="No page has a sign of frustration, an error or a failed request." />
      </Section>
      <Section title="Most seen pages">
        <PageRows pages={data.pages} empty={pages} />
      </Section>
      <Section title="Worst elements">
        <Rows
          columns={["Element", "Page", "#Rage clicks", "#Dead clicks", "#Errors after", "#Sessions"]}
          rows={data.worstElements}
          most={MOST_ROWS}
          noun="elements"
          empty="No element was clicked in vain."
        >
          {(one) => [
            <ElementName key="" target={one.target} />,
            <bdi key="">{oneLine(one.page)}</bdi>,
            number(one.rageClicks),
            number(one.deadClicks),
            number(one.errorClicks),
            number(one.sessions.size),
          ]}
        </Rows>
      </Section>
      <Section title="Sessions with the most findings">
        <Rows
          columns={["@Began", "Visitor", "First page", "Findings", "#Duration"]}
          rows={data.worstSessions}
          most={MOST_SESSIONS}
          noun="sessions"
          empty="No session has a finding."
        >
          {(session) => [
            context.consoleUrl === "" ? (
              date(timeMs(session.startTime))
            ) : (
              <a key="" href={`${context.consoleUrl}/sessions/${session.sessionId}`}>
                {date(timeMs(session.startTime))}
              </a>
            ),
            <bdi key="">{oneLine(actorText(session))}</bdi>,
            <bdi key="">{withoutScheme(oneLine(session.firstUrl))}</bdi>,
            troublesOf(session.totals)
              .map(({ text }) => text)
              .join(", "),
            duration(lengthMs(session.duration)),
          ]}
        </Rows>
      </Section>
      <footer className="soft">Made by Afterimage for an export of {date(context.createdMs)}.</footer>
    </main>
  );
}

/** Names of columns, where those of TROUBLES are too long. */
const SHORT: Readonly<Record<(typeof TROUBLES)[number]["name"], string>> = {
  Errors: "Errors",
  "Failed requests": "Failed requests",
  "Rage clicks": "Rage",
  "Dead clicks": "Dead",
  "Clicks that an error followed": "Errors after clicks",
  "Quick backs": "Quick backs",
  "Mouse thrashes": "Thrashes",
};

function Summary({ data: { sessions, sums } }: { data: SessionsReportData }) {
  const visitors = sums.visitors === 0 ? "" : ` by ${count(sums.visitors, "known visitor")}`;
  return (
    <>
      <p>
        {count(sessions.length, "session")}
        {visitors}, {duration(sums.lengthMs)} in all: {count(sums.pages, "page")}, {count(sums.clicks, "click")}.
      </p>
      <p>
        {count(sums.troubled, "session")} ({percentLabel(sums.troubled / sessions.length)}) had errors, failed requests
        or signs of frustration.
      </p>
    </>
  );
}

/** Sessions by day, the oldest on the left. */
function Chart({ days }: { days: readonly Day[] }) {
  const most = Math.max(1, ...days.map((day) => day.sessions));
  const [newest, oldest] = [days[0], days.at(-1)];
  if (newest === undefined || oldest === undefined || days.length < 2) {
    return null;
  }
  return (
    <figure className="chart">
      <div role="img" aria-label="Sessions by day">
        {days.toReversed().map((day) => (
          <span key={day.atMs} style={{ height: `${Math.max(2, (day.sessions / most) * 100)}%` }} />
        ))}
      </div>
      <figcaption className="ticks">
        <span>{dayText(oldest.atMs)}</span>
        <span>At most {count(most, "session")} per day</span>
        <span>{dayText(newest.atMs)}</span>
      </figcaption>
    </figure>
  );
}

function PageRows({ pages, empty }: { pages: readonly PageCounts[]; empty: string }) {
  return (
    <Rows
      columns={["Page", "#Views", "#Sessions", "#Errors", "#Failed requests", "#Rage", "#Dead", "#Quick backs"]}
      rows={pages}
      most={MOST_ROWS}
      noun="pages"
      empty={empty}
    >
      {(one) => [
        <bdi key="">{oneLine(one.page)}</bdi>,
        number(one.views),
        number(one.sessions.size),
        number(one.errors),
        number(one.failedRequests),
        number(one.rageClicks),
        number(one.deadClicks),
        number(one.quickBacks),
      ]}
    </Rows>
  );
}

function dayText(ms: number): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(ms);
}
