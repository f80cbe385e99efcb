import { useState, type SyntheticEvent } from "react";
import { type Export, ExportFormat } from "@contract/export/v1/export_pb";
import type { Totals } from "@contract/recording/v1/session_pb";
import { useApi } from "../api/context";
import { violationsOf } from "../api/details";
import { problemOf } from "../api/errors";
import { offsetText } from "../share/offset";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import {
  type Draft,
  type Field as Name,
  FIELD_OF,
  FORMATS,
  hasRange,
  isVideo,
  NEW_DRAFT,
  type Problems,
  RATES,
  requestOf,
  WIDTHS,
} from "./exportDraft";
import { estimateLabel, sessionEstimate } from "./estimate";
import styles from "./ExportForm.module.css";
import { ExpectedSize } from "./FileForm";

interface ExportFormProps {
  sessionId: string;
  /** Counters of the session, for the expected size. */
  totals: Totals | undefined;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
  onMade: (made: Export) => void;
}

/** Form for the properties of an export. Refusals of the server are shown at the field concerned. */
export function ExportForm({ sessionId, totals, currentMs, onMade }: ExportFormProps) {
  const { exports } = useApi();
  const [draft, setDraft] = useState<Draft>(() => ({ ...NEW_DRAFT, moment: offsetText(currentMs()) }));
  const [problems, setProblems] = useState<Problems>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const isPicture = draft.format === ExportFormat.PNG;
  const isPart = draft.start.trim() !== "" || draft.end.trim() !== "";

  const change = (part: Partial<Draft>, field: Name): void => {
    setDraft((before) => ({ ...before, ...part }));
    setProblems((before) => Object.fromEntries(Object.entries(before).filter(([name]) => name !== field)));
  };
  const refuse = (error: unknown): void => {
    const violations = violationsOf(error);
    const known = violations.flatMap(({ field, description }) => {
      const name = FIELD_OF[field];
      return name === undefined ? [] : [[name, `It ${description}.`] as const];
    });
    setProblems(Object.fromEntries(known));
    const problem = problemOf(error);
    setFailure(known.length > 0 ? undefined : `${problem.title}. ${problem.advice}`);
  };
  const submit = async (): Promise<void> => {
    const request = requestOf(sessionId, draft, crypto.randomUUID());
    setFailure(undefined);
    if ("problems" in request) {
      setProblems(request.problems);
      return;
    }
    setIsBusy(true);
    try {
      const { export: made } = await exports.createExport(request);
      if (made !== undefined) {
        onMade(made);
      }
    } catch (error) {
      refuse(error);
    }
    setIsBusy(false);
  };
  const moment = (field: "start" | "end" | "moment", name: string) => (control: object) => (
    <span className={styles.moment}>
      <input
        {...control}
        value={draft[field]}
        onChange={(event) => {
          change({ [field]: event.target.value }, field);
        }}
        autoComplete="off"
        spellCheck={false}
      />
      <Button
        size="small"
        aria-label={`Current time as ${name}`}
        onClick={() => {
          change({ [field]: offsetText(currentMs()) }, field);
        }}
      >
        Current time
      </Button>
    </span>
  );
  const choice =
    (field: "format" | "width" | "rate", options: readonly { value: number; label: string }[]) => (control: object) => (
      <select
        {...control}
        value={draft[field]}
        onChange={(event) => {
          change({ [field]: Number(event.target.value) }, field);
        }}
      >
        {options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    );

  return (
    <form
      className={styles.form}
      onSubmit={(event: SyntheticEvent) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div className={styles.wide}>
        <Field label="Format" problem={problems.format}>
          {choice(
            "format",
            FORMATS.map(({ format, label }) => ({ value: format, label })),
          )}
        </Field>
      </div>
      {isPicture ? (
        <Field label="Moment" problem={problems.moment} hint="From the session's start, such as 1:23.">
          {moment("moment", "that of the picture")}
        </Field>
      ) : hasRange(draft.format) ? (
        <>
          <Field label="From" problem={problems.start} hint="Empty: the start.">
            {moment("start", "start")}
          </Field>
          <Field label="Up to" problem={problems.end} hint="Empty: the end.">
            {moment("end", "end")}
          </Field>
        </>
      ) : null}
      {isPicture || isVideo(draft.format) ? (
        <Field label="Width" problem={problems.width}>
          {choice(
            "width",
            WIDTHS.map((value) => ({ value, label: value === 0 ? "As recorded" : `${value} pixels` })),
          )}
        </Field>
      ) : null}
      {isVideo(draft.format) ? (
        <>
          <Field label="Frames per second" problem={problems.rate}>
            {choice(
              "rate",
              RATES.map((value) => ({ value, label: String(value) })),
            )}
          </Field>
          <label className={styles.wide}>
            <input
              type="checkbox"
              checked={draft.skipsPauses}
              onChange={(event) => {
                change({ skipsPauses: event.target.checked }, "format");
              }}
            />{" "}
            Skip pauses
          </label>
        </>
      ) : null}
      <ExpectedSize label={estimateLabel(sessionEstimate(draft.format, totals, isPart))} />
      {failure === undefined ? null : (
        <p className={styles.failure} role="alert">
          {failure}
        </p>
      )}
      <div className={styles.act}>
        <Button kind="primary" type="submit" disabled={isBusy}>
          Export
        </Button>
      </div>
    </form>
  );
}
