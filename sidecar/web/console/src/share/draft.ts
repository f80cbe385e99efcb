// A link as it is being filled in, and the request that it becomes.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type CreateShareLinkRequest, CreateShareLinkRequestSchema } from "@contract/share/v1/share_service_pb";
import { lifetimeMs, type LifetimeUnit } from "./lifetime";
import { parseOffset } from "./offset";

/** Fields of the form. */
export type Field = "ttl" | "maxViews" | "passcode" | "start" | "end" | "label";

/** What is said at fields that are at fault. */
export type Problems = Partial<Record<Field, string>>;

/** What somebody has filled in. */
export interface Draft {
  /** A preset in milliseconds; "custom": `amount` and `unit`. */
  readonly lifetime: number | "custom";
  readonly amount: string;
  readonly unit: LifetimeUnit;
  readonly maxViews: string;
  readonly passcode: string;
  readonly start: string;
  readonly end: string;
  readonly label: string;
}

/** A form that nobody has touched. */
export const EMPTY_DRAFT: Draft = {
  lifetime: 86_400_000,
  amount: "",
  unit: "days",
  maxViews: "",
  passcode: "",
  start: "",
  end: "",
  label: "",
};

/** The form's field for each field of the request, as the server names them. */
export const FIELD_OF: Readonly<Record<string, Field>> = {
  ttl: "ttl",
  max_views: "maxViews",
  passcode: "passcode",
  start_offset: "start",
  end_offset: "end",
  label: "label",
};

/**
 * Returns the request that a draft makes, or what of it is no number or time at all. Bounds are the server's to judge:
 * it knows how long links may live and how long the session is.
 */
export function requestOf(sessionId: string, draft: Draft): CreateShareLinkRequest | { problems: Problems } {
  const problems: Problems = {};
  const ttlMs = draft.lifetime === "custom" ? lifetimeMs(draft.amount, draft.unit) : draft.lifetime;
  if (ttlMs === undefined) {
    problems.ttl = "Write how long the link is to live, as a number.";
  }
  const views = draft.maxViews.trim();
  if (!/^\d{0,15}$/.test(views)) {
    problems.maxViews = "Write a whole number, or leave it empty for any number of views.";
  }
  const start = offset(draft.start, "start", problems);
  const end = offset(draft.end, "end", problems);
  if (Object.keys(problems).length > 0 || ttlMs === undefined) {
    return { problems };
  }
  return create(CreateShareLinkRequestSchema, {
    sessionId,
    ttl: durationFromMs(ttlMs),
    ...(views === "" ? {} : { maxViews: BigInt(views) }),
    passcode: draft.passcode,
    ...(start === undefined ? {} : { startOffset: durationFromMs(start) }),
    ...(end === undefined ? {} : { endOffset: durationFromMs(end) }),
    label: draft.label,
  });
}

function offset(text: string, field: Field, problems: Problems): number | undefined {
  const moment = parseOffset(text);
  if (Number.isNaN(moment)) {
    problems[field] = "Write a time from the session's start, such as 1:23.";
  }
  return moment;
}
