// The data of a report of sessions, as services/export/formats/report_sessions.py hands it over: AuditService's answers.
import { fromBinary } from "@bufbuild/protobuf";
import { ListInteractionsResponseSchema, ListSessionsResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { type SessionFilter, SessionFilterSchema } from "@contract/audit/v1/session_filter_pb";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction, Target } from "@contract/recording/v1/interaction_pb";
import type { Session, Totals } from "@contract/recording/v1/session_pb";
import { bytesOf } from "../offline/parts";
import { lengthMs, timeMs } from "../player/details";
import type { ReportContext } from "./sessionReportData";

/** A counter of a session that counts something wrong, and its name. */
export const TROUBLES = [
  { name: "Errors", countOf: (totals: Totals) => totals.errorCount },
  { name: "Failed requests", countOf: (totals: Totals) => totals.failedRequestCount },
  { name: "Rage clicks", countOf: (totals: Totals) => totals.rageClickCount },
  { name: "Dead clicks", countOf: (totals: Totals) => totals.deadClickCount },
  { name: "Clicks that an error followed", countOf: (totals: Totals) => totals.errorClickCount },
  { name: "Quick backs", countOf: (totals: Totals) => totals.quickBackCount },
  { name: "Mouse thrashes", countOf: (totals: Totals) => totals.mouseThrashCount },
] as const;

/** Counts of one day, in the report's time zone. */
export interface Day {
  /** Its first session, in milliseconds since 1970. */
  atMs: number;
  sessions: number;
  clicks: number;
  /** In the order of TROUBLES. */
  troubles: number[];
}

/** Counts of a page. */
export interface PageCounts {
  page: string;
  views: number;
  sessions: Set<string>;
  errors: number;
  failedRequests: number;
  rageClicks: number;
  deadClicks: number;
  quickBacks: number;
}

/** Counts of an element. */
export interface ElementCounts {
  page: string;
  target: Target;
  sessions: Set<string>;
  rageClicks: number;
  deadClicks: number;
  errorClicks: number;
}

/** Different pages, and elements, that are counted at most. */
const MOST_KEYS = 20_000;

export class SessionsReportData {
  readonly #show: (data: SessionsReportData) => Promise<void>;
  context: ReportContext = { consoleUrl: "", createdMs: 0 };
  filter: SessionFilter = fromBinary(SessionFilterSchema, new Uint8Array());
  /** Number of sessions of which the interactions were read. */
  read = 0;
  /** Whether there are more sessions than were handed over. */
  isCutShort = false;
  readonly sessions: Session[] = [];
  readonly #known = new Set<string>();
  readonly #pages = new Map<string, PageCounts>();
  readonly #elements = new Map<string, ElementCounts>();

  constructor(show: (data: SessionsReportData) => Promise<void>) {
    this.#show = show;
  }

  /** Begins with the filter: a SessionFilter in base64. */
  begin(context: ReportContext, filter: string): void {
    this.context = context;
    this.filter = fromBinary(SessionFilterSchema, bytesOf(filter));
  }

  /** Takes the next sessions, newest first, up to `most` in all: a ListSessionsResponse in base64. */
  take(answer: string, most: number): void {
    const { sessions } = fromBinary(ListSessionsResponseSchema, bytesOf(answer));
    for (const session of sessions) {
      // A session may move to a further page of the list meanwhile.
      if (this.#known.has(session.sessionId) || this.#known.size >= most) {
        continue;
      }
      this.#known.add(session.sessionId);
      // A report needs neither, and they take memory.
      session.tags = {};
      session.userAgent = "";
      this.sessions.push(session);
    }
  }

  /** Takes interactions of a session: a ListInteractionsResponse in base64. */
  interactions(answer: string): void {
    for (const interaction of fromBinary(ListInteractionsResponseSchema, bytesOf(answer)).interactions) {
      this.#count(interaction);
    }
  }

  /** Lays the report out. */
  async show(read: number, isCutShort: boolean): Promise<void> {
    this.read = read;
    this.isCutShort = isCutShort;
    await this.#show(this);
  }

  /** Numbers of each kind of trouble: in all, and of sessions with it. */
  get troubles(): { name: string; count: number; sessions: number }[] {
    return TROUBLES.map(({ name, countOf }) => {
      const counts = this.sessions.map(({ totals }) => (totals === undefined ? 0 : Number(countOf(totals))));
      return { name, count: sum(counts), sessions: counts.filter((count) => count > 0).length };
    });
  }

  /** The days with sessions, the newest first. */
  get days(): Day[] {
    // A form that is the same in every language.
    const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });
    const found = new Map<string, Day>();
    for (const { startTime, totals } of this.sessions) {
      const atMs = timeMs(startTime);
      const key = day.format(atMs);
      const counts = found.get(key) ?? { atMs, sessions: 0, clicks: 0, troubles: TROUBLES.map(() => 0) };
      found.set(key, counts);
      counts.sessions += 1;
      counts.clicks += Number(totals?.clickCount ?? 0n);
      counts.troubles = counts.troubles.map(
        (before, at) => before + Number((totals && TROUBLES[at]?.countOf(totals)) ?? 0n),
      );
    }
    return [...found].sort(([one], [other]) => (one < other ? 1 : -1)).map(([, counts]) => counts);
  }

  /** The pages that were seen, the most views first. */
  get pages(): PageCounts[] {
    return [...this.#pages.values()].sort((one, other) => other.views - one.views);
  }

  /** The pages with signs of frustration, errors or failed requests, the most of them first. */
  get worstPages(): PageCounts[] {
    const badOf = (one: PageCounts): number =>
      one.errors + one.failedRequests + one.rageClicks + one.deadClicks + one.quickBacks;
    return [...this.#pages.values()]
      .filter((one) => badOf(one) > 0)
      .sort((one, other) => badOf(other) - badOf(one) || other.views - one.views);
  }

  /** The elements that visitors clicked in vain, the most of it first. */
  get worstElements(): ElementCounts[] {
    const badOf = (one: ElementCounts): number => one.rageClicks + one.deadClicks + one.errorClicks;
    return [...this.#elements.values()].sort(
      (one, other) => badOf(other) - badOf(one) || other.sessions.size - one.sessions.size,
    );
  }

  /** The sessions with something wrong, the most of it first. */
  get worstSessions(): Session[] {
    const badOf = ({ totals }: Session): number =>
      totals === undefined ? 0 : sum(TROUBLES.map(({ countOf }) => Number(countOf(totals))));
    return this.sessions.filter((one) => badOf(one) > 0).sort((one, other) => badOf(other) - badOf(one));
  }

  /** Sums over all sessions. */
  get sums(): { visitors: number; pages: number; clicks: number; lengthMs: number; troubled: number } {
    const totals = this.sessions.map((one) => one.totals);
    return {
      visitors: new Set(this.sessions.map((one) => one.actorId).filter(Boolean)).size,
      pages: sum(totals.map((one) => Number(one?.pageCount ?? 0n))),
      clicks: sum(totals.map((one) => Number(one?.clickCount ?? 0n))),
      lengthMs: sum(this.sessions.map((one) => lengthMs(one.duration))),
      troubled: this.worstSessions.length,
    };
  }

  #count({ kind, page, sessionId, target }: Interaction): void {
    const counts = this.#pageCounts(page);
    if (counts !== undefined) {
      counts.sessions.add(sessionId);
      counts.views += Number(kind === InteractionKind.PAGE);
      counts.errors += Number(kind === InteractionKind.ERROR);
      counts.failedRequests += Number(kind === InteractionKind.FAILED_REQUEST);
      counts.rageClicks += Number(kind === InteractionKind.RAGE_CLICK);
      counts.deadClicks += Number(kind === InteractionKind.DEAD_CLICK);
      counts.quickBacks += Number(kind === InteractionKind.QUICK_BACK);
    }
    const isOfElement =
      kind === InteractionKind.RAGE_CLICK ||
      kind === InteractionKind.DEAD_CLICK ||
      kind === InteractionKind.ERROR_CLICK;
    if (target === undefined || !isOfElement) {
      return;
    }
    const key = [page, target.selector, target.name, target.role].join("\n");
    const element = this.#elements.get(key) ?? {
      ...{ page, target, sessions: new Set<string>() },
      ...{ rageClicks: 0, deadClicks: 0, errorClicks: 0 },
    };
    if (this.#elements.size < MOST_KEYS || this.#elements.has(key)) {
      this.#elements.set(key, element);
    }
    element.sessions.add(sessionId);
    element.rageClicks += Number(kind === InteractionKind.RAGE_CLICK);
    element.deadClicks += Number(kind === InteractionKind.DEAD_CLICK);
    element.errorClicks += Number(kind === InteractionKind.ERROR_CLICK);
  }

  #pageCounts(page: string): PageCounts | undefined {
    let counts = this.#pages.get(page);
    if (counts === undefined && this.#pages.size < MOST_KEYS) {
      counts = {
        ...{ page, views: 0, sessions: new Set<string>(), errors: 0, failedRequests: 0 },
        ...{ rageClicks: 0, deadClicks: 0, quickBacks: 0 },
      };
      this.#pages.set(page, counts);
    }
    return counts;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
