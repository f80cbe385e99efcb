// A filter of sessions in words. Pure.
import type { SessionFilter } from "@contract/audit/v1/session_filter_pb";
import { ACTOR, DEVICE, STATUS } from "../format/enums";
import { date, duration } from "../format/time";
import { lengthMs, timeMs } from "../player/details";

/** Returns the conditions of a filter, each in a few words; none: all sessions. */
export function filterTexts(filter: SessionFilter): string[] {
  const has = (value: boolean | undefined, what: string): string =>
    value === undefined ? "" : `${value ? "with" : "without"} ${what}`;
  return [
    filter.startTime === undefined ? "" : `from ${date(timeMs(filter.startTime))}`,
    filter.endTime === undefined ? "" : `before ${date(timeMs(filter.endTime))}`,
    filter.actorId === "" ? "" : `of the visitor ${filter.actorId}`,
    filter.actorTypes.map((type) => ACTOR[type]).join(" or "),
    filter.deviceTypes.map((type) => DEVICE[type]).join(" or "),
    filter.statuses.map((status) => STATUS[status]).join(" or "),
    filter.page === "" ? "" : `page has ${filter.page}`,
    filter.minDuration === undefined ? "" : `at least ${duration(lengthMs(filter.minDuration))}`,
    filter.maxDuration === undefined ? "" : `at most ${duration(lengthMs(filter.maxDuration))}`,
    has(filter.hasRageClicks, "rage clicks"),
    has(filter.hasErrors, "errors"),
    has(filter.hasDeadClicks, "dead clicks"),
    ...Object.entries(filter.tags).map(([name, value]) => `tag ${name} is ${value}`),
  ].filter(Boolean);
}
