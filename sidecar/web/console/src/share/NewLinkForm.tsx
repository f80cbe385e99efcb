import { useState, type SyntheticEvent } from "react";
import type { CreateShareLinkResponse } from "@contract/share/v1/share_service_pb";
import { useApi, useIdentity } from "../api/context";
import { violationsOf } from "../api/details";
import { problemOf } from "../api/errors";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { type Draft, EMPTY_DRAFT, type Field as Name, FIELD_OF, type Problems, requestOf } from "./draft";
import { LIFETIME_UNITS, LIFETIMES, type LifetimeUnit } from "./lifetime";
import styles from "./NewLinkForm.module.css";
import { offsetText } from "./offset";
import { StartHint } from "./StartHint";

interface NewLinkFormProps {
  sessionId: string;
  /** Returns where the player is, in milliseconds from the session's start. */
  currentMs: () => number;
  onMade: (link: CreateShareLinkResponse) => void;
}

/** Form for the properties of a new link. Refusals of the server are shown at the field concerned. */
export function NewLinkForm({ sessionId, currentMs, onMade }: NewLinkFormProps) {
  const { share } = useApi();
  const mayExport = useIdentity()?.scopes.includes("export") ?? false;
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  const [problems, setProblems] = useState<Problems>({});
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);

  const change = (part: Partial<Draft>, field: Name): void => {
    setDraft((before) => ({ ...before, ...part }));
    setProblems((before) => Object.fromEntries(Object.entries(before).filter(([name]) => name !== field)));
  };
  const refuse = (error: unknown): void => {
    const violations = violationsOf(error);
    const known = violations.flatMap(({ field, description }) => {
      const name = FIELD_OF[field];
      return name === undefined ? [] : [[name, sentence(description)] as const];
    });
    setProblems(Object.fromEntries(known));
    const problem = problemOf(error);
    setFailure(
      known.length > 0 && known.length === violations.length ? undefined : `${problem.title}. ${problem.advice}`,
    );
  };
  const submit = async (): Promise<void> => {
    const request = requestOf(sessionId, draft);
    setFailure(undefined);
    if ("problems" in request) {
      setProblems(request.problems);
      return;
    }
    setIsBusy(true);
    try {
      onMade(await share.createShareLink(request));
    } catch (error) {
      refuse(error);
      setIsBusy(false);
    }
  };
  const text =
    (
      field: "maxViews" | "passcode" | "start" | "end" | "label",
      attributes: React.InputHTMLAttributes<HTMLInputElement> = {},
    ) =>
    (control: object) => (
      <input
        {...control}
        {...attributes}
        value={draft[field]}
        onChange={(event) => {
          change({ [field]: event.target.value }, field);
        }}
        autoComplete="off"
        spellCheck={false}
      />
    );
  const moment = (field: "start" | "end") => (control: object) => (
    <span className={styles.moment}>
      {text(field, { inputMode: "text" })(control)}
      <Button
        size="small"
        aria-label={field === "start" ? "Current time as start" : "Current time as end"}
        onClick={() => {
          change({ [field]: offsetText(currentMs()) }, field);
        }}
      >
        Current time
      </Button>
    </span>
  );

  return (
    <form
      className={styles.form}
      onSubmit={(event: SyntheticEvent) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Field label="Ends after" problem={draft.lifetime === "custom" ? undefined : problems.ttl}>
        {(control) => (
          <select
            {...control}
            value={draft.lifetime}
            onChange={({ target: { value } }) => {
              change({ lifetime: value === "custom" ? value : Number(value) }, "ttl");
            }}
          >
            {LIFETIMES.map(({ label, ms }) => (
              <option key={ms} value={ms}>
                {label}
              </option>
            ))}
            <option value="custom">Another time …</option>
          </select>
        )}
      </Field>
      {draft.lifetime === "custom" ? (
        <Field label="How long" problem={problems.ttl} hint="1 minute or more.">
          {(control) => (
            <span className={styles.moment}>
              <input
                {...control}
                inputMode="decimal"
                value={draft.amount}
                onChange={(event) => {
                  change({ amount: event.target.value }, "ttl");
                }}
                autoComplete="off"
              />
              <select
                aria-label="Unit"
                value={draft.unit}
                onChange={(event) => {
                  change({ unit: event.target.value as LifetimeUnit }, "ttl");
                }}
              >
                {LIFETIME_UNITS.map((unit) => (
                  <option key={unit}>{unit}</option>
                ))}
              </select>
            </span>
          )}
        </Field>
      ) : (
        <span className={styles.filler} />
      )}
      <Field
        label="Show from"
        problem={problems.start}
        hint={
          <StartHint
            sessionId={sessionId}
            text={draft.start}
            onChoose={(start) => {
              change({ start }, "start");
            }}
          />
        }
      >
        {moment("start")}
      </Field>
      <Field label="Show up to" problem={problems.end} hint="Empty: the end.">
        {moment("end")}
      </Field>
      <Field label="Most views" problem={problems.maxViews} hint="Empty: no limit.">
        {text("maxViews", { inputMode: "numeric" })}
      </Field>
      <Field
        label="Passcode"
        problem={problems.passcode}
        hint="At least 6 characters, letters and digits. Empty: no passcode."
      >
        {text("passcode")}
      </Field>
      <div className={styles.wide}>
        <Field
          label="Label"
          problem={problems.label}
          hint={
            draft.allowDownload
              ? "Shown in each downloaded file, to tell where it came from. Empty: the link's id."
              : "For you and your colleagues; visitors do not see it."
          }
        >
          {text("label")}
        </Field>
      </div>
      {mayExport ? (
        <label className={styles.wide}>
          <input
            type="checkbox"
            checked={draft.allowDownload}
            onChange={(event) => {
              change({ allowDownload: event.target.checked }, "allowDownload");
            }}
          />{" "}
          Visitors may download it, as a video or as a page that plays offline
        </label>
      ) : null}
      {failure === undefined ? null : (
        <p className={styles.failure} role="alert">
          {failure}
        </p>
      )}
      <div className={styles.act}>
        <Button kind="primary" type="submit" disabled={isBusy}>
          {isBusy ? "Making the link …" : "Make the link"}
        </Button>
      </div>
    </form>
  );
}

/** Returns the server's message about a field, such as "must be from 60 s to 2592000 s", as a sentence. */
function sentence(description: string): string {
  const words = `It ${description}`.replace(/^It (give|write) /, (_, verb: string) => `${verb} `);
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}
