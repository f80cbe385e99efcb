import { useState, type ReactNode, type SyntheticEvent } from "react";
import type { Export } from "@contract/export/v1/export_pb";
import { useApi } from "../api/context";
import { problemOf } from "../api/errors";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { estimateLabel } from "./estimate";
import styles from "./ExportForm.module.css";
import { type FileChoice, requestOfFile } from "./fileChoices";

interface FileFormProps {
  /** The files to choose from, at least one. */
  choices: readonly FileChoice[];
  /** Which data is exported. */
  children: ReactNode;
  onMade: (made: Export) => void;
}

/** Form of an export with one choice, the file. */
export function FileForm({ choices, children, onMade }: FileFormProps) {
  const { exports } = useApi();
  const [index, setIndex] = useState(0);
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const choice = choices[index];

  const submit = async (): Promise<void> => {
    if (choice === undefined) {
      return;
    }
    setFailure(undefined);
    setIsBusy(true);
    try {
      const { export: made } = await exports.createExport(requestOfFile(choice, Date.now(), crypto.randomUUID()));
      if (made !== undefined) {
        onMade(made);
        return;
      }
    } catch (error) {
      const problem = problemOf(error);
      setFailure(`${problem.title}. ${problem.advice}`);
    }
    setIsBusy(false);
  };

  return (
    <form
      className={styles.form}
      onSubmit={(event: SyntheticEvent) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div className={styles.wide}>{children}</div>
      <div className={styles.wide}>
        <Field label="File" hint={choice?.about}>
          {(control) => (
            <select
              {...control}
              value={index}
              onChange={(event) => {
                setIndex(Number(event.target.value));
              }}
            >
              {choices.map(({ label }, place) => (
                <option key={label} value={place}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <ExpectedSize label={estimateLabel(choice?.estimate)} />
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

/** The expected size of a file; nothing where it is not known. */
export function ExpectedSize({ label }: { label: string }) {
  return label === "" ? null : <p className={styles.size}>Expected size: {label}.</p>;
}
