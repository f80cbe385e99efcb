import { useEffect, useState } from "react";
import { Field } from "../ui/Field";
import { type Choice, parseWidths, PERIODS, widthsText } from "./choice";
import styles from "./ChoiceForm.module.css";
import { ALL_DEVICES, DEVICES } from "./devices";
import { KINDS } from "./labels";

interface ChoiceFormProps {
  choice: Choice;
  onChange: (part: Partial<Choice>) => void;
}

/** Form for the interactions to count, and the visits to count them in. */
export function ChoiceForm({ choice, onChange }: ChoiceFormProps) {
  return (
    <div className={styles.form}>
      <fieldset className={styles.kinds}>
        <legend className="visually-hidden">Counted interactions</legend>
        {KINDS.map(({ kind, name, label, what }) => (
          <label key={name} className={styles.kind} title={what}>
            <input
              type="radio"
              name="kind"
              value={name}
              checked={choice.kind === kind}
              onChange={() => {
                onChange({ kind });
              }}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <div className={styles.filters}>
        <Field label="Device">
          {(control) => (
            <select
              {...control}
              value={choice.device}
              onChange={(event) => {
                onChange({ device: event.target.value });
              }}
            >
              <option value="">Most used device</option>
              {DEVICES.map(({ name, label }) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
              <option value={ALL_DEVICES}>All devices together</option>
            </select>
          )}
        </Field>
        <Field label="Time">
          {(control) => (
            <select
              {...control}
              value={choice.period}
              onChange={(event) => {
                onChange({ period: event.target.value });
              }}
            >
              <option value="">Any time</option>
              {PERIODS.map(({ name, label }) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <WidthsField widths={widthsText(choice.widths)} onChange={onChange} />
      </div>
    </div>
  );
}

/** Applies a range on blur or Enter; an invalid range is reported, and changes nothing. */
function WidthsField({ widths, onChange }: { widths: string; onChange: (part: Partial<Choice>) => void }) {
  const [text, setText] = useState(widths);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    setText(widths);
    setProblem(undefined);
  }, [widths]);

  const take = (): void => {
    const parsed = parseWidths(text);
    if ("problem" in parsed) {
      setProblem(parsed.problem);
    } else if (widthsText(parsed) === widths) {
      setText(widths);
    } else {
      onChange({ widths: parsed });
    }
  };

  return (
    <Field label="Viewport width" problem={problem}>
      {(control) => (
        <input
          {...control}
          value={text}
          placeholder="any, or 768-1440"
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            setProblem(undefined);
          }}
          onBlur={take}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              take();
            }
          }}
        />
      )}
    </Field>
  );
}
