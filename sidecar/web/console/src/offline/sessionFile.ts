// The session in the file, as services/export/formats/html.py has written it. Times are milliseconds since 1970 UTC by
// the visitor's clock; offsets count from the session's start.
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type GetSessionResponse, GetSessionResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { InteractionKind, SessionStatus } from "@contract/recording/v1/enums_pb";
import { type Interaction, InteractionSchema } from "@contract/recording/v1/interaction_pb";

/** Version of the format that this player reads. */
export const VERSION = 1;

/** The part `session`. */
export interface FileSession {
  version: number;
  sessionId: string;
  startMs: number;
  durationMs: number;
  /** The exported part; null: to the session's start or end. */
  range: { startMs: number | null; endMs: number | null };
  /** When the file was made, by the server's clock. */
  exportedMs: number;
  /** Label of the share link that it was exported with. */
  watermark?: string;
  windows: { windowId: string; startMs: number }[];
  /** Page views, in the order of time. */
  pages: { windowId: string; url: string; openMs: number }[];
}

/** A part `interactions` or `movements`: rows of cells, each in the order of the columns. */
export interface InteractionTable {
  columns: string[];
  rows: (string | number | null)[][];
}

/**
 * Returns the session of a part's text.
 *
 * @throws If it is of a version that this player does not read.
 */
export function sessionOf(text: string): FileSession {
  const session = JSON.parse(text) as FileSession;
  if (session.version !== VERSION) {
    throw new Error(`the recording is of version ${session.version}, and the player reads version ${VERSION}`);
  }
  return session;
}

/** Returns the session as the server would describe it. */
export function detailsOf({ sessionId, startMs, durationMs, windows, pages }: FileSession): GetSessionResponse {
  return create(GetSessionResponseSchema, {
    session: {
      sessionId,
      startTime: timestampFromMs(startMs),
      duration: durationFromMs(durationMs),
      status: SessionStatus.ENDED,
      firstUrl: pages[0]?.url ?? "",
      windowCount: windows.length,
    },
    windows: windows.map((window) => ({ windowId: window.windowId, startTime: timestampFromMs(window.startMs) })),
    pages: pages.map(({ windowId, url, openMs }) => ({ windowId, url, openTime: timestampFromMs(openMs) })),
  });
}

/** Returns the interactions of a table as the server would list them; cells of the wrong type are empty. */
export function interactionsOf({ columns, rows }: InteractionTable): Interaction[] {
  const places = new Map(columns.map((name, place) => [name, place]));
  return rows.map((row) => {
    const cell = (name: string): unknown => row[places.get(name) ?? -1];
    const text = (name: string): string => {
      const value = cell(name);
      return typeof value === "string" ? value : "";
    };
    const number = (name: string): number => {
      const value = cell(name);
      return typeof value === "number" && Number.isFinite(value) ? value : 0;
    };
    const whole = (name: string): bigint => BigInt(Math.trunc(number(name)));
    const target = {
      name: text("target_name"),
      role: text("target_role"),
      tag: text("target_tag"),
      selector: text("target_selector"),
    };
    return create(InteractionSchema, {
      windowId: text("window_id"),
      number: whole("number"),
      time: timestampFromMs(number("time")),
      kind: kindOf(text("kind")),
      page: text("page"),
      xPercent: number("x_percent"),
      yPercent: number("y_percent"),
      count: number("count"),
      detail: text("detail"),
      nodeId: whole("node_id"),
      seq: whole("seq"),
      ...(Object.values(target).some(Boolean) ? { target } : {}),
      ...(number("viewport_width") > 0
        ? { viewport: { width: number("viewport_width"), height: number("viewport_height") } }
        : {}),
    });
  });
}

const KINDS: Readonly<Record<string, string | InteractionKind>> = InteractionKind;

/** Returns the kind of a name such as "rage_click". */
function kindOf(name: string): InteractionKind {
  const kind = KINDS[name.toUpperCase()];
  return typeof kind === "number" ? kind : InteractionKind.UNSPECIFIED;
}
