// Notices that the page changes and rrweb hears nothing of it: document.open() and some frameworks remove listeners and
// observers without a word.
import type { ErrorBoundary } from "../support/errorBoundary";
import { startPart } from "../support/parts";
import { listen } from "../support/realm";
import { beats } from "./pulse";
import { callAfter } from "./wrap";

/** An event on the window that only the watchdog listens to. */
const CANARY = "afterimage:canary";
/** Methods that replace a page that has been loaded. */
const WRITING = ["open", "write", "writeln", "close"] as const;
/** Looks at an unfinished page before it counts as finished. */
const MAX_UNFINISHED = 2;
const LEAST_INTERVAL_MS = 1_000;
/** Share of the page's time that the looks may take. */
const LOOK_SHARE = 0.001;
/** Longest pause after an alarm; each alarm without a sign of life since the last one doubles the pause. */
const LONGEST_PAUSE_MS = 60_000;

/** A page at one moment, as the watchdog sees it. */
interface Look {
  readonly root: Element | null;
  readonly elements: number;
  readonly characters: number;
}

/** Watches from construction until `stop`. */
export class Watchdog {
  readonly #boundary: ErrorBoundary;
  readonly #isKnown: (node: Node) => boolean;
  readonly #onSilence: (alarms: number) => boolean;
  #seen: Look = look();
  #beats = beats();
  #isHeard = true;
  #isStarted = true;
  #unlisten: () => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #unwrap: (() => void)[];
  /** Looks in a row that found a page that is still being written. */
  #unfinished = 0;
  /** Alarms since the last sign of life. */
  #alarms = 0;

  /**
   * @param isKnown - Whether rrweb has recorded a node.
   * @param onSilence - Called with the number of alarms in a row; it starts rrweb again, and returns whether rrweb was
   *   to be heard at all.
   */
  constructor(boundary: ErrorBoundary, isKnown: (node: Node) => boolean, onSilence: (alarms: number) => boolean) {
    this.#boundary = boundary;
    this.#isKnown = isKnown;
    this.#onSilence = onSilence;
    this.#hear();
    this.#next(LEAST_INTERVAL_MS);
    const soon = boundary.wrap(() => {
      this.#next(0);
    });
    this.#unwrap = startPart(
      "pages written anew",
      () => WRITING.map((name) => callAfter(Document.prototype, name, soon)),
      [],
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#unlisten();
    for (const unwrap of this.#unwrap) {
      this.#boundary.run(unwrap);
    }
  }

  /** rrweb was started anew, or failed to start: earlier changes are not missing. */
  reset(isStarted: boolean): void {
    this.#isStarted = isStarted;
    this.#seen = look();
    this.#beats = beats();
  }

  #check(): void {
    let pauseMs = LEAST_INTERVAL_MS;
    this.#boundary.run(() => {
      this.#unfinished = document.readyState === "loading" ? this.#unfinished + 1 : 0;
      // A page that is being written is looked at when it is complete, and some never are.
      if (this.#unfinished > 0 && this.#unfinished <= MAX_UNFINISHED) {
        return;
      }
      const beganMs = performance.now();
      const seen = look();
      const isAlive = beats() !== this.#beats;
      const isChanged =
        seen.root !== this.#seen.root ||
        seen.elements !== this.#seen.elements ||
        seen.characters !== this.#seen.characters;
      this.#isHeard = false;
      window.dispatchEvent(new Event(CANARY));
      pauseMs = Math.max(pauseMs, (performance.now() - beganMs) / LOOK_SHARE);
      const isKnown = seen.root === null || this.#isKnown(seen.root);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the event's listener changes it
      if (this.#isStarted && this.#isHeard && isKnown && (isAlive || !isChanged)) {
        this.#alarms = isAlive ? 0 : this.#alarms;
      } else {
        this.#alarms += 1;
        pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(pauseMs, LEAST_INTERVAL_MS * 2 ** this.#alarms));
        this.#unlisten();
        this.#hear();
        if (!this.#onSilence(this.#alarms)) {
          this.#alarms = 0;
        }
      }
      this.#seen = seen;
      this.#beats = beats();
    });
    this.#next(pauseMs);
  }

  #hear(): void {
    this.#unlisten = listen(window, CANARY, () => {
      this.#isHeard = true;
    });
  }

  #next(pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#check();
    }, pauseMs);
  }
}

function look(): Look {
  return {
    root: document.documentElement,
    elements: document.getElementsByTagName("*").length,
    characters: (document.body as HTMLElement | null)?.textContent.length ?? 0,
  };
}
