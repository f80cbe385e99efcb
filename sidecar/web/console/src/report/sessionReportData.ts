// The data of a session's report, as services/export/formats/report_session.py hands it over: AuditService's answers, the
// chunks, and pictures of the moments that `moments` names. Times are milliseconds since 1970 UTC by the visitor's clock.
import { fromBinary } from "@bufbuild/protobuf";
import {
  type GetSessionResponse,
  GetSessionResponseSchema,
  ListInteractionsResponseSchema,
} from "@contract/audit/v1/audit_service_pb";
import { EventType, type eventWithTime } from "@rrweb/types";
import { bytesOf } from "../offline/parts";
import type { Action } from "../player/actions";
import { lengthMs, timeMs } from "../player/details";
import { isSize } from "../player/frame/eventShape";
import { readFacts } from "../player/frame/facts";
import { inflate } from "../player/frame/inflate";
import type { ConsoleRow, FrameChunk, MissingFiles } from "../player/protocol";
import { SessionData } from "../player/sessionData";
import type { Span } from "../player/spans";
import { type Moment, type PageVisit, planned, visitsOf } from "./moments";
import { findingsOf } from "./findings";

/** The installation's part of a report. */
export interface ReportContext {
  /** Address of the console, without a slash at its end; empty: not known. */
  consoleUrl: string;
  /** When the report was asked for, by the server's clock. */
  createdMs: number;
}

/** A chunk as it is handed over, with its payload in base64. */
type GivenChunk = Omit<FrameChunk, "payload" | "page"> & { payload: string };

/** Events that the recorder dropped, or contents that it did not record. */
export interface Loss {
  reason: string;
  events: number;
}

/** Contents that the recorder left out for their size. */
export interface Replaced {
  pictures: number;
  fonts: number;
  other: number;
}

const DROPPED_TAG = "afterimage.dropped";
const REPLACED_TAG = "afterimage.replaced";

export class SessionReportData {
  readonly #show: (data: SessionReportData) => Promise<void>;
  readonly pictures = new Map<number, string>();
  readonly replaced: Replaced = { pictures: 0, fonts: 0, other: 0 };
  /** Chunks that could not be read. */
  unreadable = 0;
  /** Whether interactions were left out for their number. */
  isCutShort = false;
  /** Files of other servers that the recorded pages name; null: nothing was drawn. */
  missing: Omit<MissingFiles, "hosts"> | null = null;
  context: ReportContext = { consoleUrl: "", createdMs: 0 };
  details: GetSessionResponse = fromBinary(GetSessionResponseSchema, new Uint8Array());
  #data = new SessionData(0);
  readonly #losses = new Map<string, number>();
  #pages = new Map<string, string>();

  constructor(show: (data: SessionReportData) => Promise<void>) {
    this.#show = show;
  }

  /** Takes the session: a GetSessionResponse in base64. */
  begin(context: ReportContext, answer: string): void {
    this.context = context;
    this.details = fromBinary(GetSessionResponseSchema, bytesOf(answer));
    this.#data = new SessionData(this.span.fromMs);
    this.#data.takeRead([this.span]);
  }

  /** Takes a page of interactions: a ListInteractionsResponse in base64. */
  interactions(answer: string): void {
    this.#data.takeInteractions(true, fromBinary(ListInteractionsResponseSchema, bytesOf(answer)).interactions);
  }

  /** Notes that there are more interactions. */
  cutShort(): void {
    this.isCutShort = true;
  }

  /** Reads a chunk. Returns the first viewport in it; null: not in it. */
  async read(chunk: GivenChunk): Promise<{ width: number; height: number } | null> {
    const { windowId, seq, payload } = chunk;
    try {
      const page = this.#pages.get(windowId) ?? "";
      const content = await inflate({ ...chunk, page, payload: bytesOf(payload).buffer });
      const { events, shiftsMs, oddEvents, rawBytes } = content;
      this.#data.takeFacts({ ...readFacts(windowId, seq, events, shiftsMs, page), oddEvents, rawBytes });
      for (const event of events) {
        this.#note(windowId, event);
      }
      const meta = events.find((event) => event.type === EventType.Meta && isSize(event.data));
      return meta?.type === EventType.Meta ? { width: meta.data.width, height: meta.data.height } : null;
    } catch {
      this.unreadable += 1;
      return null;
    }
  }

  /** Returns the moments to draw pictures of, in the order of windows and time. */
  moments(): Moment[] {
    return planned(this.visits, this.findings, this.span);
  }

  /** Takes the picture of a moment: a JPEG in base64. */
  picture(number: number, data: string): void {
    this.pictures.set(number, `data:image/jpeg;base64,${data}`);
  }

  /** Lays the report out. */
  async show(missing: Omit<MissingFiles, "hosts"> | null): Promise<void> {
    this.missing = missing;
    await this.#show(this);
  }

  get sessionId(): string {
    return this.details.session?.sessionId ?? "";
  }

  get span(): Span {
    const fromMs = timeMs(this.details.session?.startTime);
    return { fromMs, toMs: fromMs + lengthMs(this.details.session?.duration) };
  }

  get visits(): readonly PageVisit[] {
    return visitsOf(this.details.pages, this.actions, this.span);
  }

  get actions(): readonly Action[] {
    return this.#data.actions;
  }

  get findings(): Action[] {
    return findingsOf(this.actions);
  }

  /** Errors on the console that no interaction is of: those of an installation without detectors. */
  get consoleErrors(): readonly ConsoleRow[] {
    return this.#data.consoleRows.filter(({ level }) => level === "error");
  }

  get oddEvents(): SessionData["oddEvents"] {
    return this.#data.oddEvents;
  }

  get losses(): Loss[] {
    return [...this.#losses].map(([reason, events]) => ({ reason, events }));
  }

  /** Chunks between stored ones that never arrived. */
  get gaps(): number {
    return this.details.windows.reduce((sum, { lastSeq, totals }) => {
      const stored = totals?.chunkCount ?? lastSeq;
      return sum + Math.max(0, Number(lastSeq - stored));
    }, 0);
  }

  histogram(bins: number): number[] {
    return this.#data.histogram(this.span, bins);
  }

  get pauses(): Span[] {
    return this.#data.pauses(this.span);
  }

  #note(windowId: string, event: eventWithTime): void {
    if (event.type === EventType.Meta) {
      this.#pages.set(windowId, event.data.href);
    } else if (event.type === EventType.Custom) {
      const payload = fieldsOf(event.data.payload);
      if (event.data.tag === DROPPED_TAG) {
        const reason = typeof payload.reason === "string" ? payload.reason.slice(0, 40) : "";
        this.#losses.set(reason, (this.#losses.get(reason) ?? 0) + numberOf(payload.events));
      } else if (event.data.tag === REPLACED_TAG) {
        for (const kind of ["pictures", "fonts", "other"] as const) {
          this.replaced[kind] += numberOf(payload[kind]);
        }
      }
    }
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
