import type { MaskedCount } from "@contract/audit/v1/audit_service_pb";
import { DeviceType } from "@contract/recording/v1/enums_pb";
import type { Session, Totals } from "@contract/recording/v1/session_pb";
import { Fragment } from "react";
import { count, number, size } from "../format/amounts";
import { ACTOR, DEVICE, STATUS } from "../format/enums";
import { duration, fullDate } from "../format/time";
import { actorText } from "../sessions/sessionLabels";
import { Skeleton } from "../ui/Loading";
import { lengthMs, timeMs } from "./details";
import { oddLabel } from "./labels";
import styles from "./SidePanel.module.css";
import { usePlayer, usePlayerState } from "./usePlayer";

type Fact = [name: string, value: string];

/** Facts of the session: visitor, place, amounts, and masked data. */
export function FactsTab() {
  const player = usePlayer();
  const details = usePlayerState(player, (state) => state.details);
  const oddEvents = usePlayerState(player, (state) => state.oddEvents);
  const session = details?.session;
  if (details === null || session === undefined) {
    return <Skeleton />;
  }
  return (
    <div className={styles.facts} tabIndex={0} role="region" aria-label="Facts">
      <Facts title="Session" facts={about(session)} />
      {session.totals === undefined ? null : <Facts title="Counted" facts={counted(session.totals)} />}
      {oddEvents.length === 0 ? null : <Facts title="Not in the picture" facts={counts(oddEvents.map(oddLabel))} />}
      <h3>Masked by the server</h3>
      {details.maskedCounts.length === 0 ? (
        <p>Nothing: the browser sent no data that the privacy policy masks.</p>
      ) : (
        <dl>
          {details.maskedCounts.map((masked) => (
            <Fragment key={masked.rule + masked.fieldClass}>
              <dt>{number(masked.count)} ×</dt>
              <dd>{maskedLabel(masked)}</dd>
            </Fragment>
          ))}
        </dl>
      )}
      {Object.keys(session.tags).length === 0 ? null : (
        <Facts title="Tags" facts={Object.entries(session.tags).sort(([one], [other]) => one.localeCompare(other))} />
      )}
    </div>
  );
}

function Facts({ title, facts }: { title: string; facts: Fact[] }) {
  return (
    <>
      <h3>{title}</h3>
      <dl>
        {facts
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </Fragment>
          ))}
      </dl>
    </>
  );
}

function about(session: Session): Fact[] {
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

function counted(totals: Totals): Fact[] {
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
function counts(labels: readonly string[]): Fact[] {
  const found = new Map<string, number>();
  for (const label of labels) {
    found.set(label, (found.get(label) ?? 0) + 1);
  }
  return [...found].map(([label, times]) => [label, number(times)]);
}

function maskedLabel({ rule, fieldClass }: MaskedCount): string {
  return `${rule.replaceAll("_", " ")} in ${fieldClass.replaceAll("_", " ")}`;
}
