// What the recorder says about itself: `Afterimage.status()`, and one line on the console for each kind of trouble.

/** What the recorder is doing. */
export type RecorderState =
  /** Not started, or stopped by the page. */
  | "off"
  /** Started; the installation has not answered yet. */
  | "connecting"
  /** Recording, and connected. */
  | "recording"
  /** Recording; events wait until the installation can be reached again. */
  | "offline"
  /** The visitor has done nothing for long; the next action begins a new session. */
  | "idle"
  /** Not recorded: the visitor asks not to be tracked. */
  | "opted_out"
  /** Not recorded: this session is not in the sample. */
  | "not_sampled"
  /** Not recorded: the page around this one records it. */
  | "framed"
  /** Ended, and not begun again in this session: the installation said so, or refuses the page. */
  | "stopped";

/** Something that whoever looks after the page should know. */
export interface Notice {
  /** A short machine word. */
  readonly code: string;
  /** What is the case and what to do, in words. */
  readonly message: string;
}

/** A look at the recorder. */
export interface RecorderStatus {
  readonly state: RecorderState;
  /** Id of the session; undefined where nothing is recorded. */
  readonly sessionId: string | undefined;
  readonly windowId: string | undefined;
  /** How events travel at the moment; undefined: they do not. */
  readonly transport: "websocket" | "http" | undefined;
  /** Events that are not stored yet: being gathered, waiting, or on their way. */
  readonly queuedEvents: number;
  /** Bytes of those that are packed already. */
  readonly queuedBytes: number;
  /** Events of this page that were given up; the recording says where they are missing. */
  readonly droppedEvents: number;
  /** Milliseconds by which the installation's clock is ahead of this device's. */
  readonly clockSkewMs: number;
  readonly notices: readonly Notice[];
}

const MAX_NOTICES = 20;

/** Keeps what was said; says each thing once. */
export class Notices {
  readonly #notices = new Map<string, Notice>();

  get all(): readonly Notice[] {
    return [...this.#notices.values()];
  }

  /** Warns on the console, the first time that `code` comes up; keeps the latest words for `status()`. */
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

  /** Takes back what is no longer the case. */
  clear(code: string): void {
    this.#notices.delete(code);
  }
}

/** console.warn as the page's author has it: rrweb's console plugin would record our own words as the page's. */
function warn(text: string): void {
  try {
    // eslint-disable-next-line no-console
    const present = console.warn as typeof console.warn & { __rrweb_original__?: typeof console.warn };
    (present.__rrweb_original__ ?? present).call(console, text);
  } catch {
    // A console that throws is the page's own business.
  }
}
