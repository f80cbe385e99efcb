import { useEffect, useRef, useState, type ReactNode } from "react";
import { DEVICE, STATUS } from "../format/enums";
import { Button } from "../ui/Button";
import { FilterIcon } from "../ui/icons";
import styles from "./FilterBar.module.css";
import {
  DEVICES,
  type Filters,
  inOrder,
  isFiltered,
  isSince,
  NO_FILTERS,
  ORDERS,
  type Since,
  SINCE,
  STATUSES,
} from "./filters";

interface FilterBarProps {
  filters: Filters;
  /** Called with the filters that change: others may have changed since `filters`. */
  onChange: (change: Partial<Filters>) => void;
}

const SINCE_WORDS: Readonly<Record<Since, string>> = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};
const ORDER_WORDS: Readonly<Record<keyof typeof ORDERS, string>> = {
  newest: "Newest first",
  oldest: "Oldest first",
  longest: "Longest first",
  errors: "Most errors first",
  rage: "Most rage clicks first",
};
const DURATIONS = [0, 10, 30, 60, 300, 900, 1800];

/** Filters of the list. */
export function FilterBar({ filters, onChange }: FilterBarProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [isCustom, setIsCustom] = useState(filters.from !== "" || filters.to !== "");
  return (
    <form
      className={styles.bar}
      data-open={isOpen}
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <div className={styles.first}>
        <TextField
          label="Page contains"
          value={filters.page}
          onChange={(page) => {
            onChange({ page });
          }}
        />
        <Button
          className={styles.toggle ?? ""}
          aria-expanded={isOpen}
          onClick={() => {
            setIsOpen(!isOpen);
          }}
        >
          <FilterIcon /> Filters
        </Button>
      </div>
      <div className={styles.rest}>
        <TextField
          label="Visitor"
          value={filters.actor}
          onChange={(actor) => {
            onChange({ actor });
          }}
        />
        <Select
          label="Time"
          value={isCustom ? "custom" : (filters.since ?? "")}
          onChange={(value) => {
            setIsCustom(value === "custom");
            onChange({ since: isSince(value) ? value : null, from: "", to: "" });
          }}
        >
          <option value="">Any time</option>
          {Object.keys(SINCE).map((since) => (
            <option key={since} value={since}>
              {SINCE_WORDS[since as Since]}
            </option>
          ))}
          <option value="custom">From … to …</option>
        </Select>
        {isCustom ? (
          <>
            <DayField
              label="First day"
              value={filters.from}
              onChange={(from) => {
                onChange({ since: null, from });
              }}
            />
            <DayField
              label="Last day"
              value={filters.to}
              onChange={(to) => {
                onChange({ since: null, to });
              }}
            />
          </>
        ) : null}
        <Select
          label="Device"
          value={filters.devices.length === 1 ? String(filters.devices[0]) : ""}
          onChange={(value) => {
            onChange({ devices: Object.values(DEVICES).filter((device) => String(device) === value) });
          }}
        >
          <option value="">{filters.devices.length > 1 ? "Several devices" : "Any device"}</option>
          {Object.values(DEVICES).map((device) => (
            <option key={device} value={device}>
              {DEVICE[device]}
            </option>
          ))}
        </Select>
        <Select
          label="Status"
          value={filters.statuses.length === 1 ? String(filters.statuses[0]) : ""}
          onChange={(value) => {
            onChange({ statuses: Object.values(STATUSES).filter((status) => String(status) === value) });
          }}
        >
          <option value="">{filters.statuses.length > 1 ? "Several" : "Any status"}</option>
          {Object.values(STATUSES).map((status) => (
            <option key={status} value={status}>
              {STATUS[status]}
            </option>
          ))}
        </Select>
        <Select
          label="Duration"
          value={String(filters.minSeconds)}
          onChange={(value) => {
            onChange({ minSeconds: Number(value) });
          }}
        >
          {[...new Set([...DURATIONS, filters.minSeconds])]
            .sort((one, other) => one - other)
            .map((seconds) => (
              <option key={seconds} value={seconds}>
                {atLeast(seconds)}
              </option>
            ))}
        </Select>
        <div className={styles.checks} role="group" aria-label="With">
          <Check
            label="Rage clicks"
            isOn={filters.hasRageClicks}
            onChange={(hasRageClicks) => {
              onChange({ hasRageClicks });
            }}
          />
          <Check
            label="Dead clicks"
            isOn={filters.hasDeadClicks}
            onChange={(hasDeadClicks) => {
              onChange({ hasDeadClicks });
            }}
          />
          <Check
            label="Errors"
            isOn={filters.hasErrors}
            onChange={(hasErrors) => {
              onChange({ hasErrors });
            }}
          />
        </div>
        {isFiltered(filters) ? (
          <Button
            kind="quiet"
            onClick={() => {
              setIsCustom(false);
              onChange({ ...NO_FILTERS, order: filters.order });
            }}
          >
            Clear
          </Button>
        ) : null}
      </div>
    </form>
  );
}

/** In which order. */
export function OrderSelect({ filters, onChange }: FilterBarProps) {
  const order = Object.entries(ORDERS).find(([, value]) => value === filters.order)?.[0] ?? "newest";
  return (
    <span className={styles.order}>
      <Select
        label="Order"
        value={order}
        onChange={(value) => {
          onChange(inOrder(filters, ORDERS[value as keyof typeof ORDERS]));
        }}
      >
        {Object.keys(ORDERS).map((name) => (
          <option key={name} value={name}>
            {ORDER_WORDS[name as keyof typeof ORDERS]}
          </option>
        ))}
      </Select>
    </span>
  );
}

function atLeast(seconds: number): string {
  if (seconds === 0) {
    return "Any length";
  }
  return seconds < 60 ? `${seconds} s or longer` : `${Math.round(seconds / 6) / 10} min or longer`;
}

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** Pause in typing before the list is requested again, in milliseconds. */
const TYPING_MS = 350;

function TextField({ label, value, onChange }: FieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  useEffect(() => {
    // Text that is being typed is newer than the address.
    if (document.activeElement !== field.current) {
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text.trim() === value) {
      return undefined;
    }
    const timer = setTimeout(() => {
      onChange(text.trim());
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text, value, onChange]);
  return (
    <input
      ref={field}
      type="search"
      className={styles.text}
      placeholder={label}
      aria-label={label}
      maxLength={256}
      value={text}
      onChange={(event) => {
        setText(event.target.value);
      }}
    />
  );
}

function DayField({ label, value, onChange }: FieldProps) {
  return (
    <input
      type="date"
      aria-label={label}
      title={label}
      value={value}
      onChange={(event) => {
        onChange(event.target.value);
      }}
    />
  );
}

function Select({ label, value, onChange, children }: FieldProps & { children: ReactNode }) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => {
        onChange(event.target.value);
      }}
    >
      {children}
    </select>
  );
}

function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label>
      <input
        type="checkbox"
        checked={isOn}
        onChange={(event) => {
          onChange(event.target.checked);
        }}
      />
      {label}
    </label>
  );
}
