// The form of a link, and the request that it becomes.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type CreateShareLinkRequest, CreateShareLinkRequestSchema } from "@contract/share/v1/share_service_pb";
import { lifetimeMs, type LifetimeUnit } from "./lifetime";
import { parseOffset } from "./offset";

/** Fields of the form. */
export type Field = "ttl" | "maxViews" | "passcode" | "start" | "end" | "label" | "allowDownload";

/** Messages at invalid fields. */
export type Problems = Partial<Record<Field, string>>;

/** Values of the form. */
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
  readonly allowDownload: boolean;
}

/** An empty form. */
export const EMPTY_DRAFT: Draft = {
  lifetime: 86_400_000,
  amount: "",
  unit: "days",
  maxViews: "",
  passcode: "",
  start: "",
  end: "",
  label: "",
  allowDownload: false,
};

/** The form's field for each field of the request, as the server names them. */
export const FIELD_OF: Readonly<Record<string, Field>> = {
  ttl: "ttl",
  max_views: "maxViews",
  passcode: "passcode",
  start_offset: "start",
  end_offset: "end",
  label: "label",
  allow_download: "allowDownload",
};

/**
 * Returns the request of a draft, or its values that are not numbers or times. The server checks the bounds: it knows
 * the maximum lifetime of links and the duration of the session.
 */
export function requestOf(sessionId: string, draft: Draft): CreateShareLinkRequest | { problems: Problems } {
  const problems: Problems = {};
  const ttlMs = draft.lifetime === "custom" ? lifetimeMs(draft.amount, draft.unit) : draft.lifetime;
  if (ttlMs === undefined) {
    problems.ttl = "Enter the lifetime of the link as a number.";
  }
  const views = draft.maxViews.trim();
  if (!/^\d{0,15}$/.test(views)) {
    problems.maxViews = "Enter a whole number, or leave it empty for an unlimited number of views.";
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
    allowDownload: draft.allowDownload,
  });
}

function offset(text: string, field: Field, problems: Problems): number | undefined {
  const moment = parseOffset(text);
  if (Number.isNaN(moment)) {
    problems[field] = "Enter a time from the session's start, such as 1:23.";
  }
  return moment;
}
