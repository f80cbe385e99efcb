import { Fragment } from "react";
import { number } from "../format/amounts";
import { Skeleton } from "../ui/Loading";
import { oddLabel } from "./labels";
import { about, counted, counts, type Fact, maskedLabel } from "./sessionFacts";
import styles from "./SidePanel.module.css";
import { usePlayer, usePlayerState } from "./usePlayer";

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
      <FactList facts={facts} />
    </>
  );
}

/** Facts with their names; those that are not known are left out. */
export function FactList({ facts }: { facts: readonly Fact[] }) {
  return (
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
  );
}
