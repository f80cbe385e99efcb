// The recorder's status: `Afterimage.status()`, and one line on the console per kind of problem.
import { quietly } from "./quiet";

/** State of the recorder. */
export type RecorderState =
  /** Not started, or stopped by the page. */
  | "off"
  /** Started; the installation has not acknowledged anything yet. */
  | "connecting"
  /** Recording, and the installation acknowledges it. */
  | "recording"
  /** Recording; events wait until the installation can be reached again, or acknowledges them again. */
  | "offline"
  /** The visitor has been idle for too long; the next action starts a new session. */
  | "idle"
  /** Not recorded: the visitor asks not to be tracked. */
  | "opted_out"
  /** Not recorded: this session is not in the sample. */
  | "not_sampled"
  /** Not recorded: the page around this one records it. */
  | "framed"
  /** Ended for this session: the installation ended it, or refuses the page. */
  | "stopped";

/** A notice to the maintainer of the page. */
export interface Notice {
  /** A machine-readable code. */
  readonly code: string;
  /** The problem and its remedy. */
  readonly message: string;
}

/** Snapshot of the recorder's state. */
export interface RecorderStatus {
  readonly state: RecorderState;
  /** Id of the session; undefined where nothing is recorded. */
  readonly sessionId: string | undefined;
  readonly windowId: string | undefined;
  /** Transport in use; undefined: not connected. */
  readonly transport: "websocket" | "http" | undefined;
  /** Number of events that are not stored yet: buffered, queued, or in flight. */
  readonly queuedEvents: number;
  /** Size of the packed ones among them. */
  readonly queuedBytes: number;
  /** Number of events of this page that were dropped; the recording marks their places. */
  readonly droppedEvents: number;
  /** Number of inlined pictures, fonts and media that were left out as too large; the recording has boxes instead. */
  readonly replacedContents: number;
  /** Milliseconds by which the installation's clock is ahead of this device's. */
  readonly clockSkewMs: number;
  /** Parts of the recorder that do not work in this page: the recording goes on without them. */
  readonly without: readonly string[];
  readonly notices: readonly Notice[];
}

const MAX_NOTICES = 20;

/** Collects notices; warns once per code. */
export class Notices {
  readonly #notices = new Map<string, Notice>();
  readonly #lost = new Set<string>();

  get all(): readonly Notice[] {
    return [...this.#notices.values()];
  }

  /** Parts of the recorder that do not work. */
  get without(): readonly string[] {
    return [...this.#lost];
  }

  /** Reports a part of the recorder that does not work, once. */
  lose(part: string, error: unknown): void {
    if (!this.#lost.has(part)) {
      this.#lost.add(part);
      this.report(`without_${part.replaceAll(/\W+/g, "_")}`, `recording without ${part} (${wordsOf(error)})`);
    }
  }

  /** Warns on the console on the first report of `code`; keeps the latest message for `status()`. */
  report(code: string, message: string): void {
    const isNew = !this.#notices.has(code);
    if (isNew && this.#notices.size >= MAX_NOTICES) {
      return;
    }
    this.#notices.set(code, { code, message });
    if (isNew) {
      warn(`Afterimage: ${message}`);
    }
  }

  /** Removes a notice that no longer applies. */
  clear(code: string): void {
    this.#notices.delete(code);
  }
}

/** Returns an error as text. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** The recorder's messages are not recorded as the page's. */
function warn(text: string): void {
  try {
    quietly(() => {
      // eslint-disable-next-line no-console
      console.warn(text);
    });
  } catch {
    // A console that throws is the page's own problem.
  }
}
