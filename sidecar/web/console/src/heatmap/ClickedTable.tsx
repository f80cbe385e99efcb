import { useId, useState } from "react";
import { number } from "../format/amounts";
import { Quotation } from "../player/ActionLine";
import { isMasked, oneLine, quotedOf, roleWord } from "../player/labels";
import { Button } from "../ui/Button";
import styles from "./ClickedTable.module.css";
import type { ClickedElement, HeatmapData } from "./heatmapData";
import { clickedHeading, clickedNotes, KINDS, percentLabel } from "./labels";

/** Rows that are shown at first. */
const FIRST_ROWS = 10;

interface ClickedTableProps {
  heat: HeatmapData;
  /** Whether it is for paper: then it is whole. */
  isPrinted?: boolean;
}

/** The elements with the most clicks of a heatmap, by name; nothing for kinds without elements. */
export function ClickedTable({ heat, isPrinted = false }: ClickedTableProps) {
  const heading = useId();
  const [isWhole, setIsWhole] = useState(isPrinted);
  const { listed, fraction } = heat.clicked;
  const title = clickedHeading(heat.kind);
  if (title === undefined || fraction === 0) {
    return null;
  }
  const shown = isWhole ? listed : listed.slice(0, FIRST_ROWS);
  return (
    <section className={styles.section} aria-labelledby={heading}>
      {isPrinted ? (
        <h3 id={heading}>{title}</h3>
      ) : (
        <h2 id={heading} className={styles.title}>
          {title}
        </h2>
      )}
      {listed.length === 0 ? null : <Rows heat={heat} shown={shown} labelledBy={heading} />}
      {listed.length > FIRST_ROWS && !isPrinted ? (
        <Button
          size="small"
          aria-expanded={isWhole}
          onClick={() => {
            setIsWhole(!isWhole);
          }}
        >
          {isWhole ? `Show the first ${FIRST_ROWS}` : `Show all ${number(listed.length)}`}
        </Button>
      ) : null}
      {clickedNotes(heat.clicked).map((words) => (
        <p key={words} className={styles.note}>
          {words}
        </p>
      ))}
    </section>
  );
}

function Rows({
  heat,
  shown,
  labelledBy,
}: {
  heat: HeatmapData;
  shown: readonly ClickedElement[];
  labelledBy: string;
}) {
  const { listed } = heat.clicked;
  // Few pages have rage clicks or dead clicks: without any, they have no column.
  const hasRage = listed.some((one) => one.rageClicks > 0);
  const hasDead = listed.some((one) => one.deadClicks > 0);
  return (
    <table className={styles.table} aria-labelledby={labelledBy}>
      <thead>
        <tr>
          <th scope="col">Element</th>
          <th scope="col">{KINDS.find(({ kind }) => kind === heat.kind)?.label}</th>
          <th scope="col">Of all</th>
          <th scope="col" className={styles.sessions}>
            Sessions
          </th>
          {hasRage ? <th scope="col">Rage clicks</th> : null}
          {hasDead ? <th scope="col">Dead clicks</th> : null}
        </tr>
      </thead>
      <tbody>
        {shown.map((one, index) => (
          // The list is replaced as a whole; two elements may differ in parts that are not shown.
          <tr key={index}>
            <th scope="row">
              <ElementName target={one.target} />
            </th>
            <td>{number(one.count)}</td>
            <td>{percentLabel(Math.min(one.count / Math.max(heat.samples, 1), 1))}</td>
            <td className={styles.sessions}>{number(one.sessions)}</td>
            {hasRage ? <td>{number(one.rageClicks)}</td> : null}
            {hasDead ? <td>{number(one.deadClicks)}</td> : null}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** An element's name and role, and below them its selector, which is the name of an element without one. */
export function ElementName({ target }: { target: ClickedElement["target"] }) {
  const quoted = quotedOf(target);
  const selector = oneLine(target.selector);
  return (
    <>
      {quoted === null ? null : <Quotation quoted={quoted} />}
      <span className={styles.role}> {roleWord(target.role)}</span>
      {isMasked(target.name) ? <span className={styles.role}> Its name is masked</span> : null}
      {selector === "" || quoted?.isCode === true ? null : (
        <code className={styles.selector}>
          <bdi>{selector}</bdi>
        </code>
      )}
    </>
  );
}
