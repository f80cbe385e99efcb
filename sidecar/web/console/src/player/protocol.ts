// Messages between the console and the replaying frame, over a MessagePort. Times are milliseconds since 1970 UTC by
// the visitor's clock, as in the recording.

/** A chunk for the frame; its payload is handed over, not copied. */
export interface FrameChunk {
  windowId: string;
  seq: number;
  /** Play times of its first and its last event. */
  firstMs: number;
  lastMs: number;
  isGzip: boolean;
  /** URL of the page before it; empty: not known. */
  page: string;
  payload: ArrayBuffer;
}

/** How the recorded page is laid into the frame. */
export type Layout =
  /** The visitor's viewport, as large as fits. */
  | { kind: "contain" }
  /** The whole page (CSS pixels), as wide as the frame; the frame scrolls if the page is higher. */
  | { kind: "page"; width: number; height: number };

/**
 * Commands of the console. Chunks (`append`, `read`) wait for everything else. `order` increases with each requested
 * moment; reports have the order that they follow.
 */
export type Command =
  /** Builds the page anew from chunks of one window, the first with a full snapshot, and shows it at a moment. */
  | {
      type: "stage";
      stage: number;
      order: number;
      chunks: FrameChunk[];
      atMs: number;
      isPlaying: boolean;
      speed: number;
    }
  /** Adds a chunk to the stage. */
  | { type: "append"; stage: number; chunk: FrameChunk }
  /** Only reads the content of a chunk; answered with `facts`. */
  | { type: "read"; chunk: FrameChunk }
  | { type: "seek"; order: number; atMs: number; isPlaying: boolean }
  | { type: "play" }
  | { type: "pause" }
  | { type: "speed"; speed: number }
  | { type: "layout"; layout: Layout }
  /** Shows nothing. */
  | { type: "clear" };

/** Longest text of a report, in characters: longer ones end in an ellipsis. */
export const LONGEST_TEXT = 2_000;

/** A message on the console of the recorded page. */
export interface ConsoleRow {
  timeMs: number;
  windowId: string;
  level: "log" | "info" | "warn" | "error" | "debug";
  text: string;
  /** Where in the page's scripts; empty: not known. */
  source: string;
}

/** A request of the recorded page. */
export interface NetworkRow {
  /** When it began. */
  timeMs: number;
  /** When the recorder reported it: it had ended. */
  reportedMs: number;
  windowId: string;
  /** Empty: not recorded. */
  method: string;
  url: string;
  /** HTTP status; 0: no answer; null: not known. */
  status: number | null;
  durationMs: number;
}

/** Why an event, or a part of one, is left out of the picture; labels.ts has the words. */
export const ODD_REASONS = [
  "not-an-event",
  "no-data",
  "wrong-type",
  "unknown-kind",
  "no-page",
  "no-size",
  "invalid-node",
  "misplaced-node",
  "misplaced-document",
  "exception",
] as const;

export type OddReason = (typeof ODD_REASONS)[number];

/** An event that cannot be shown, or not entirely. */
export interface OddEvent {
  windowId: string;
  seq: number;
  /** Position in its chunk. */
  index: number;
  timeMs: number;
  reason: OddReason;
  /** Whether the rest of the event is shown. */
  isPart: boolean;
}

/** Content of a chunk besides pictures. */
export interface ChunkFacts {
  windowId: string;
  seq: number;
  /** Bytes of JSON. */
  rawBytes: number;
  /** Times of the visitor's actions (rrweb's user interactions). */
  activeMs: number[];
  consoleRows: ConsoleRow[];
  networkRows: NetworkRow[];
  oddEvents: OddEvent[];
}

/** Hosts of missing files that are named at most. */
export const MOST_HOSTS = 5;

/** Numbers of files that the recorded page names and that are not shown, and some of their hosts. */
export interface MissingFiles {
  pictures: number;
  fonts: number;
  sheets: number;
  /** Films and sounds. */
  media: number;
  hosts: string[];
}

/** Reports of the frame. */
export type Report =
  | { type: "ready" }
  /**
   * The page is shown in its state at this moment; without `hasPicture` it had not sent one yet, and nothing is.
   * `drawnMs`: when it was drawn, in milliseconds since 1970 UTC by the browser's monotone clock.
   */
  | { type: "shown"; order: number; atMs: number; hasPicture: boolean; drawnMs: number }
  /** Current playing time; about twenty times per second. */
  | { type: "time"; order: number; atMs: number; hasPicture: boolean }
  /** The moment at which playing was paused: later than the last `time`. */
  | { type: "paused"; order: number; atMs: number; hasPicture: boolean }
  /** Size of the visitor's viewport in CSS pixels. */
  | { type: "size"; width: number; height: number }
  /** Content of a chunk; `stage` is the one that loaded it, 0 if it was only read. */
  | { type: "facts"; stage: number; facts: ChunkFacts }
  /** An event of the stage that is left out. */
  | { type: "odd"; oddEvent: OddEvent }
  /** Files are missing in the picture: numbers up to now. */
  | { type: "missing"; missing: MissingFiles }
  /** A chunk, or a stage, that cannot be shown. */
  | { type: "fault"; fault: "no-snapshot" | "unreadable"; message: string };

/** The frame's first message to the console's window: it has its own origin and waits for the port. */
export const READY = "afterimage.ready";

/** The console's first message to the frame's window, with the port. */
export const CONNECT = "afterimage.connect";
