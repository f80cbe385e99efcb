// Reports of the frame are untrusted: it holds a recorded page.
import {
  type ChunkFacts,
  type ConsoleRow,
  LONGEST_TEXT,
  type MissingFiles,
  MOST_HOSTS,
  type NetworkRow,
  ODD_REASONS,
  type OddEvent,
  type OddReason,
  type Report,
} from "./protocol";

type Fields = Readonly<Record<string, unknown>>;

const LEVELS: readonly unknown[] = ["log", "info", "warn", "error", "debug"] satisfies ConsoleRow["level"][];

/** Returns a message of the frame as a report with the fields of its kind and no others; null if it is not a report. */
export function readReport(message: unknown): Report | null {
  if (!isFields(message)) {
    return null;
  }
  switch (message.type) {
    case "ready":
      return { type: "ready" };
    case "shown":
      return isNumber(message.order) &&
        isNumber(message.atMs) &&
        typeof message.hasPicture === "boolean" &&
        isNumber(message.drawnMs)
        ? {
            type: "shown",
            order: message.order,
            atMs: message.atMs,
            hasPicture: message.hasPicture,
            drawnMs: message.drawnMs,
          }
        : null;
    case "time":
    case "paused":
      return isNumber(message.order) && isNumber(message.atMs) && typeof message.hasPicture === "boolean"
        ? { type: message.type, order: message.order, atMs: message.atMs, hasPicture: message.hasPicture }
        : null;
    case "size":
      return isLength(message.width) && isLength(message.height)
        ? { type: "size", width: message.width, height: message.height }
        : null;
    case "facts": {
      const facts = readFacts(message.facts);
      return isNumber(message.stage) && facts !== null ? { type: "facts", stage: message.stage, facts } : null;
    }
    case "odd": {
      const oddEvent = isFields(message.oddEvent) ? readOddEvent(message.oddEvent) : null;
      return oddEvent === null ? null : { type: "odd", oddEvent };
    }
    case "missing": {
      const missing = readMissing(message.missing);
      return missing === null ? null : { type: "missing", missing };
    }
    case "fault":
      return (message.fault === "no-snapshot" || message.fault === "unreadable") && isText(message.message)
        ? { type: "fault", fault: message.fault, message: message.message }
        : null;
    default:
      return null;
  }
}

function readFacts(facts: unknown): ChunkFacts | null {
  if (!isFields(facts)) {
    return null;
  }
  const { windowId, seq, rawBytes, activeMs } = facts;
  const consoleRows = readAll(facts.consoleRows, readConsoleRow);
  const networkRows = readAll(facts.networkRows, readNetworkRow);
  const oddEvents = readAll(facts.oddEvents, readOddEvent);
  return isText(windowId) &&
    isNumber(seq) &&
    isNumber(rawBytes) &&
    areNumbers(activeMs) &&
    consoleRows !== null &&
    networkRows !== null &&
    oddEvents !== null
    ? { windowId, seq, rawBytes, activeMs, consoleRows, networkRows, oddEvents }
    : null;
}

function readMissing(missing: unknown): MissingFiles | null {
  if (!isFields(missing)) {
    return null;
  }
  const { pictures, fonts, sheets, media } = missing;
  const hosts: unknown = missing.hosts;
  return isLength(pictures) &&
    isLength(fonts) &&
    isLength(sheets) &&
    isLength(media) &&
    Array.isArray(hosts) &&
    hosts.length <= MOST_HOSTS &&
    hosts.every(isText)
    ? { pictures, fonts, sheets, media, hosts }
    : null;
}

function readConsoleRow(row: Fields): ConsoleRow | null {
  const { timeMs, windowId, level, text, source } = row;
  return isNumber(timeMs) && isText(windowId) && isLevel(level) && isText(text) && isText(source)
    ? { timeMs, windowId, level, text, source }
    : null;
}

function readNetworkRow(row: Fields): NetworkRow | null {
  const { timeMs, reportedMs, windowId, method, url, status, durationMs } = row;
  return isNumber(timeMs) &&
    isNumber(reportedMs) &&
    isText(windowId) &&
    isText(method) &&
    isText(url) &&
    (status === null || isNumber(status)) &&
    isNumber(durationMs)
    ? { timeMs, reportedMs, windowId, method, url, status, durationMs }
    : null;
}

function readOddEvent(event: Fields): OddEvent | null {
  const { windowId, seq, index, timeMs, reason, isPart } = event;
  return isText(windowId) &&
    isNumber(seq) &&
    isNumber(index) &&
    isNumber(timeMs) &&
    isReason(reason) &&
    typeof isPart === "boolean"
    ? { windowId, seq, index, timeMs, reason, isPart }
    : null;
}

function readAll<T>(rows: unknown, read: (row: Fields) => T | null): T[] | null {
  if (!Array.isArray(rows)) {
    return null;
  }
  const values: T[] = [];
  for (const row of rows as readonly unknown[]) {
    const value = isFields(row) ? read(row) : null;
    if (value === null) {
      return null;
    }
    values.push(value);
  }
  return values;
}

function areNumbers(values: unknown): values is number[] {
  return Array.isArray(values) && values.every(isNumber);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isLength(value: unknown): value is number {
  return isNumber(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST_TEXT;
}

function isLevel(value: unknown): value is ConsoleRow["level"] {
  return LEVELS.includes(value);
}

function isReason(value: unknown): value is OddReason {
  return (ODD_REASONS as readonly unknown[]).includes(value);
}
