// The filters of the list of sessions, and how the address holds them. Pure.
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SessionOrder } from "@contract/audit/v1/audit_service_pb";
import { SessionFilterSchema, type SessionFilter } from "@contract/audit/v1/session_filter_pb";
import { DeviceType, SessionStatus } from "@contract/recording/v1/enums_pb";

/** A year: no session is longer, and a Duration cannot hold any number. */
const LONGEST_SECONDS = 31_536_000;

/** Times to choose from, in milliseconds. */
export const SINCE = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000 } as const;

export type Since = keyof typeof SINCE;

/** Whether a text is one of the times to choose from. */
export function isSince(text: string): text is Since {
  return Object.hasOwn(SINCE, text);
}

export interface Filters {
  /** Duration of the period up to now. Null: `from` and `to` apply. */
  since: Since | null;
  /** First and last day, as in "2026-11-25", by the viewer's clock; "": no bound. */
  from: string;
  to: string;
  actor: string;
  page: string;
  devices: readonly DeviceType[];
  statuses: readonly SessionStatus[];
  /** Minimum duration in seconds; 0: any. */
  minSeconds: number;
  hasRageClicks: boolean;
  hasDeadClicks: boolean;
  hasErrors: boolean;
  order: SessionOrder;
}

export const NO_FILTERS: Filters = {
  since: null,
  from: "",
  to: "",
  actor: "",
  page: "",
  devices: [],
  statuses: [],
  minSeconds: 0,
  hasRageClicks: false,
  hasDeadClicks: false,
  hasErrors: false,
  order: SessionOrder.NEWEST_FIRST,
};

export const DEVICES = {
  desktop: DeviceType.DESKTOP,
  mobile: DeviceType.MOBILE,
  tablet: DeviceType.TABLET,
  other: DeviceType.OTHER,
} as const;

export const STATUSES = {
  live: SessionStatus.LIVE,
  ended: SessionStatus.ENDED,
  left: SessionStatus.LEFT,
  timed_out: SessionStatus.TIMED_OUT,
} as const;

export const ORDERS = {
  newest: SessionOrder.NEWEST_FIRST,
  oldest: SessionOrder.OLDEST_FIRST,
  longest: SessionOrder.LONGEST_FIRST,
  errors: SessionOrder.MOST_ERRORS_FIRST,
  rage: SessionOrder.MOST_RAGE_CLICKS_FIRST,
} as const;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Longest text that the server takes for a page, in characters. */
const MOST_TEXT = 256;

/** Returns the filters in an address; invalid ones are ignored. */
export function filtersOf(query: URLSearchParams): Filters {
  const since = query.get("since") ?? "";
  const day = (name: string): string => {
    const text = query.get(name) ?? "";
    return DAY.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
  };
  const minSeconds = Number(query.get("min"));
  return {
    since: isSince(since) ? since : null,
    from: isSince(since) ? "" : day("from"),
    to: isSince(since) ? "" : day("to"),
    actor: (query.get("actor") ?? "").slice(0, MOST_TEXT),
    page: (query.get("page") ?? "").slice(0, MOST_TEXT),
    devices: valuesOf(query.get("device"), DEVICES),
    statuses: valuesOf(query.get("status"), STATUSES),
    minSeconds: minSeconds > 0 && minSeconds <= LONGEST_SECONDS ? Math.floor(minSeconds) : 0,
    hasRageClicks: query.get("rage") === "1",
    hasDeadClicks: query.get("dead") === "1",
    hasErrors: query.get("errors") === "1",
    order: valuesOf(query.get("order"), ORDERS)[0] ?? SessionOrder.NEWEST_FIRST,
  };
}

/** Returns the query of an address with the filters; defaults are left out. */
export function queryOf(filters: Filters): URLSearchParams {
  const query = new URLSearchParams();
  const put = (name: string, value: string): void => {
    if (value !== "") {
      query.set(name, value);
    }
  };
  put("since", filters.since ?? "");
  put("from", filters.from);
  put("to", filters.to);
  put("actor", filters.actor);
  put("page", filters.page);
  put("device", namesOf(filters.devices, DEVICES));
  put("status", namesOf(filters.statuses, STATUSES));
  put("min", filters.minSeconds > 0 ? String(filters.minSeconds) : "");
  put("rage", filters.hasRageClicks ? "1" : "");
  put("dead", filters.hasDeadClicks ? "1" : "");
  put("errors", filters.hasErrors ? "1" : "");
  if (filters.order !== SessionOrder.NEWEST_FIRST) {
    put("order", namesOf([filters.order], ORDERS));
  }
  return query;
}

/** Returns the filters as a request's message, at the time `nowMs`. */
export function filterMessage(filters: Filters, nowMs: number): SessionFilter {
  const message = create(SessionFilterSchema, {
    actorId: filters.actor,
    page: filters.page,
    deviceTypes: [...filters.devices],
    statuses: [...filters.statuses],
  });
  if (filters.since !== null) {
    message.startTime = timestampFromMs(nowMs - SINCE[filters.since]);
  }
  if (filters.from !== "") {
    message.startTime = timestampFromMs(dayStartMs(filters.from, 0));
  }
  if (filters.to !== "") {
    message.endTime = timestampFromMs(dayStartMs(filters.to, 1));
  }
  if (filters.minSeconds > 0) {
    message.minDuration = durationFromMs(filters.minSeconds * 1000);
  }
  if (filters.hasRageClicks) {
    message.hasRageClicks = true;
  }
  if (filters.hasDeadClicks) {
    message.hasDeadClicks = true;
  }
  if (filters.hasErrors) {
    message.hasErrors = true;
  }
  return message;
}

/** Returns the filters with another order; one that reads all sessions of a range gets a range. */
export function inOrder(filters: Filters, order: SessionOrder): Filters {
  const readsAll = order !== SessionOrder.NEWEST_FIRST && order !== SessionOrder.OLDEST_FIRST;
  const hasRange = filters.since !== null || filters.from !== "";
  return { ...filters, order, ...(readsAll && !hasRange ? { since: "30d" as const, to: "" } : {}) };
}

/** Whether any session is left out. */
export function isFiltered(filters: Filters): boolean {
  return queryOf({ ...filters, order: SessionOrder.NEWEST_FIRST }).size > 0;
}

function dayStartMs(day: string, plusDays: number): number {
  const [year = 1970, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + plusDays).getTime();
}

function valuesOf<Value>(text: string | null, names: Readonly<Record<string, Value>>): Value[] {
  return (text ?? "").split(",").flatMap((name) => {
    const value = Object.hasOwn(names, name) ? names[name] : undefined;
    return value === undefined ? [] : [value];
  });
}

function namesOf<Value>(values: readonly Value[], names: Readonly<Record<string, Value>>): string {
  return Object.keys(names)
    .filter((name) => values.some((value) => value === names[name]))
    .join(",");
}
