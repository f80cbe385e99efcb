import { useId, type ReactNode } from "react";
import styles from "./Field.module.css";

/** Attributes that tie a control to its field. */
export interface FieldControl {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

interface FieldProps {
  label: string;
  /** Expected value, or meaning of an empty one. */
  hint?: ReactNode;
  /** Problem with the value. */
  problem?: string | undefined;
  children: (control: FieldControl) => ReactNode;
}

/** A control with its name above it, and a hint or a problem beneath it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const hasWords = problem !== undefined || hint !== undefined;
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-invalid": problem !== undefined,
        "aria-describedby": hasWords ? `${id}-words` : undefined,
      })}
      {hasWords ? (
        <p id={`${id}-words`} className={problem === undefined ? styles.hint : styles.problem}>
          {problem ?? hint}
        </p>
      ) : null}
    </div>
  );
}
