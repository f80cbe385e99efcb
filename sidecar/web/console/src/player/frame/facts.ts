// Data of rrweb events besides pictures: console messages, requests, and times of the visitor's actions.
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { statusOf } from "../failedRequests";
import { type ChunkFacts, type ConsoleRow, LONGEST_TEXT, type NetworkRow } from "../protocol";

/**
 * Returns the facts of a chunk's events; fields in an unexpected format are read as empty.
 *
 * @param shiftsMs Milliseconds by which each event is played after the visitor's clock; none: 0.
 * @param page URL of the page at its beginning; empty: not known.
 */
export function readFacts(
  windowId: string,
  seq: number,
  events: readonly eventWithTime[],
  shiftsMs: readonly number[] = [],
  page = "",
): Omit<ChunkFacts, "rawBytes" | "oddEvents"> {
  const activeMs: number[] = [];
  const consoleRows: ConsoleRow[] = [];
  const networkRows: NetworkRow[] = [];
  let url = page;
  for (const [at, event] of events.entries()) {
    if (event.type === EventType.IncrementalSnapshot) {
      if (isUserInteraction(event.data.source)) {
        activeMs.push(event.timestamp);
      }
    } else if (event.type === EventType.Meta) {
      url = word(record(event.data).href);
    } else if (event.type === EventType.Plugin) {
      const payload = record(event.data.payload);
      if (event.data.plugin.startsWith("rrweb/console")) {
        consoleRows.push(consoleRow(windowId, event.timestamp, payload));
      } else if (event.data.plugin.startsWith("rrweb/network")) {
        networkRows.push(...requests(windowId, event.timestamp, shiftsMs[at] ?? 0, url, payload));
      }
    }
  }
  return { windowId, seq, activeMs, consoleRows, networkRows };
}

/** Whether rrweb counts events of a source as the visitor's: all between MouseMove and Input (its Replayer does so). */
export function isUserInteraction(source: IncrementalSource): boolean {
  return source > IncrementalSource.Mutation && source <= IncrementalSource.Input;
}

function consoleRow(windowId: string, timeMs: number, payload: Readonly<Record<string, unknown>>): ConsoleRow {
  const parts = Array.isArray(payload.payload) ? payload.payload : [];
  const trace = Array.isArray(payload.trace) ? payload.trace : [];
  return {
    timeMs,
    windowId,
    level: level(payload.level),
    text: cut(parts.map(readable).join(" ")),
    source: cut(text(trace[0])),
  };
}

// The plugin writes each argument as a string of JSON.
function readable(part: unknown): string {
  if (typeof part !== "string") {
    return text(part);
  }
  try {
    const value: unknown = JSON.parse(part);
    return typeof value === "string" ? value : part;
  } catch {
    return part;
  }
}

function level(value: unknown): ConsoleRow["level"] {
  switch (value) {
    case "error":
    case "assert":
      return "error";
    case "warn":
    case "info":
    case "debug":
      return value;
    default:
      return "log";
  }
}

function requests(
  windowId: string,
  timeMs: number,
  shiftMs: number,
  page: string,
  payload: Readonly<Record<string, unknown>>,
): NetworkRow[] {
  const list = Array.isArray(payload.requests) ? payload.requests : [];
  return list.map((entry) => {
    const request = record(entry);
    const durationMs = number(request.duration) || Math.max(0, number(request.endTime) - number(request.startTime));
    const ownMs = number(request.timestamp);
    return {
      // Requests are reported when they have ended; their own clock counts from the page's load.
      timeMs: ownMs === 0 ? timeMs : ownMs + shiftMs,
      reportedMs: timeMs,
      windowId,
      method: cut(word(request.method)),
      url: cut(word(request.name) || word(request.url)),
      status: statusOf(request, page),
      durationMs,
    };
  });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function text(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Returns a text of at most LONGEST_TEXT characters. */
export function cut(words: string): string {
  return words.length > LONGEST_TEXT ? `${words.slice(0, LONGEST_TEXT - 2)} …` : words;
}
