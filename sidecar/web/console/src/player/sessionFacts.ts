// Facts of a session in words: visitor, place, amounts, masked data. Pure.
import type { MaskedCount } from "@contract/audit/v1/audit_service_pb";
import { DeviceType } from "@contract/recording/v1/enums_pb";
import type { Session, Totals } from "@contract/recording/v1/session_pb";
import { count, number, size } from "../format/amounts";
import { ACTOR, DEVICE, STATUS } from "../format/enums";
import { duration, fullDate } from "../format/time";
import { actorText } from "../sessions/sessionLabels";
import { lengthMs, timeMs } from "./details";

/** A fact; one with an empty value is not known. */
export type Fact = [name: string, value: string];

/** Returns the visitor, the time, and the browser with its device. */
export function about(session: Session): Fact[] {
  const { viewport, screen } = session;
  return [
    ["Visitor", actorText(session)],
    ["Kind", ACTOR[session.actorType]],
    ["Status", STATUS[session.status]],
    ["Began", fullDate(timeMs(session.startTime))],
    ["Duration", duration(lengthMs(session.duration))],
    ["Active", duration(lengthMs(session.activeDuration))],
    ["First page", session.firstUrl],
    ["Device", session.deviceType === DeviceType.UNSPECIFIED ? "" : DEVICE[session.deviceType]],
    ["Browser", [session.browser, session.system].filter(Boolean).join(" on ")],
    ["Language", session.language],
    ["Viewport", viewport === undefined || viewport.width === 0 ? "" : `${viewport.width} × ${viewport.height}`],
    ["Screen", screen === undefined || screen.width === 0 ? "" : `${screen.width} × ${screen.height}`],
    ["Recorder", `${session.recorderName} ${session.recorderVersion}`.trim()],
    ["Session id", session.sessionId],
  ];
}

/** Returns the amounts of a session. */
export function counted(totals: Totals): Fact[] {
  return [
    ["Pages", number(totals.pageCount)],
    ["Clicks", number(totals.clickCount)],
    ["Inputs", number(totals.inputCount)],
    ["Errors", number(totals.errorCount)],
    ["Warnings", number(totals.warningCount)],
    ["Failed requests", number(totals.failedRequestCount)],
    ["Rage clicks", number(totals.rageClickCount)],
    ["Dead clicks", number(totals.deadClickCount)],
    ["Quick backs", number(totals.quickBackCount)],
    ["Mouse thrashes", number(totals.mouseThrashCount)],
    ["Events", `${number(totals.eventCount)} in ${count(totals.chunkCount, "chunk")}`],
    ["Size", `${size(totals.storedBytes)} stored, ${size(totals.rawBytes)} of JSON`],
  ];
}

/** Returns each text once, with how often it occurs. */
export function counts(labels: readonly string[]): Fact[] {
  const found = new Map<string, number>();
  for (const label of labels) {
    found.set(label, (found.get(label) ?? 0) + 1);
  }
  return [...found].map(([label, times]) => [label, number(times)]);
}

/** Returns a rule, and the kind of data that it masked. */
export function maskedLabel({ rule, fieldClass }: MaskedCount): string {
  return `${rule.replaceAll("_", " ")} in ${fieldClass.replaceAll("_", " ")}`;
}
