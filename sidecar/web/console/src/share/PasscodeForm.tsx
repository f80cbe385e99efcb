import { useState, type SyntheticEvent } from "react";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import styles from "./PasscodeForm.module.css";
import { useWait } from "./useWait";

interface PasscodeFormProps {
  /** Problem with the previous passcode. */
  problem?: string;
  /** When the next one may be tried, in milliseconds since 1970. */
  waitUntilMs?: number;
  busy: boolean;
  onEnter: (passcode: string) => void;
}

/** Asks a visitor for a link's passcode. */
export function PasscodeForm({ problem, waitUntilMs, busy, onEnter }: PasscodeFormProps) {
  const [passcode, setPasscode] = useState("");
  const wait = useWait(waitUntilMs);
  const waiting = wait === undefined ? "" : ` Try again in ${wait}.`;
  const isReady = passcode !== "" && !busy && wait === undefined;

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) {
      onEnter(passcode);
    }
  };

  return (
    <form className={styles.form} onSubmit={submit}>
      <h1>This link needs a passcode</h1>
      <p>The sender of the link knows it; it is not part of the link.</p>
      <Field label="Passcode" problem={problem === undefined ? undefined : problem + waiting}>
        {(control) => (
          <input
            {...control}
            type="password"
            value={passcode}
            onChange={(event) => {
              setPasscode(event.target.value);
            }}
            autoComplete="off"
            autoFocus
          />
        )}
      </Field>
      <Button kind="primary" type="submit" disabled={!isReady}>
        {busy ? "Looking …" : "Watch"}
      </Button>
      <p className="visually-hidden" role="status">
        {problem}
      </p>
    </form>
  );
}
