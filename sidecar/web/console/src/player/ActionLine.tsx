import { Fragment } from "react";
import styles from "./ActionLine.module.css";
import type { Action } from "./actions";
import { actionHint, actionLabel, type Quoted } from "./labels";
import { markKindOf } from "./timeline";

/** An action in one line: long parts are cut, and are whole in the hint; a message or number takes the place of the role. */
export function ActionLine({ action }: { action: Action }) {
  const { before, quoted, mark, tail, note, role } = actionLabel(action);
  return (
    <span className={styles.line} title={actionHint(action)}>
      <span className={styles.dot} data-kind={markKindOf(action)} />
      <span className={styles.lead} data-tail={tail !== ""}>
        {before}
        {quoted === null ? null : <Quotation quoted={quoted} />}
        {mark}
      </span>
      {tail === "" ? null : (
        <span className={styles.tail}>
          <bdi>{tail}</bdi>
        </span>
      )}
      {note === "" ? null : <span className={styles.note}>{note}</span>}
      {role === "" || tail !== "" || note !== "" ? null : <span className={styles.role}>{role}</span>}
    </span>
  );
}

/** A text of the recorded page, in its own direction. */
export function Quotation({ quoted: { text, isCode } }: { quoted: Quoted }) {
  const words = <bdi>{text}</bdi>;
  return (
    <Fragment>
      {" "}
      {isCode ? <code className={styles.code}>{words}</code> : <b className={styles.name}>{words}</b>}
    </Fragment>
  );
}
