// One rrweb Replayer, showing one window of a session from a full snapshot on.
import { Replayer } from "@rrweb/replay";
import { EventType, type eventWithTime } from "@rrweb/types";
import { labelFrames } from "./frameLabels";
import { FULLSCREEN_RULES } from "./fullscreen";
import { guard } from "./guard";
import { guardReplayer } from "./replayerGuard";

/** A Replayer ends with its last event. This end is never reached: events are added as they are loaded. */
const NEVER_MS = 10 * 365 * 86_400_000;

/** Plays one window. All times are absolute; rrweb's own count from its first event. */
export class Stage {
  readonly #replayer: Replayer;
  readonly #firstMs: number;
  readonly element: HTMLDivElement;

  /**
   * @param events A full snapshot among them, in the order of time.
   * @param onSize Called with the visitor's viewport, now and on each change.
   * @param onFault Called with an event that the Replayer could not show; null: it is not known which.
   */
  constructor(
    events: eventWithTime[],
    speed: number,
    onSize: (width: number, height: number) => void,
    onFault: (event: eventWithTime | null) => void,
  ) {
    guard(window);
    this.element = document.createElement("div");
    this.element.className = "stage";
    // Only a picture: the Tab key skips the recorded controls.
    this.element.inert = true;
    document.body.append(this.element);
    this.#firstMs = events.reduce((least, event) => Math.min(least, event.timestamp), Infinity);
    const end: eventWithTime = {
      type: EventType.Custom,
      data: { tag: "afterimage.end", payload: {} },
      timestamp: this.#firstMs + NEVER_MS,
    };
    this.#replayer = new Replayer([...labelFrames(events), end], {
      root: this.element,
      speed,
      showWarning: false,
      showDebug: false,
      // The focus is the viewer's: it must not leave the player's controls because a visitor clicked into a field.
      triggerFocus: false,
      insertStyleRules: [...FULLSCREEN_RULES],
      mouseTail: { duration: 600, lineCap: "round", lineWidth: 2, strokeStyle: "#2f7bff" },
    });
    guardReplayer(this.#replayer, onFault);
    this.#replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      onSize(width, height);
    });
  }

  /** The current moment. */
  get nowMs(): number {
    return this.#firstMs + this.#replayer.getCurrentTime();
  }

  /** Shows the moment, then plays on or pauses. */
  seek(atMs: number, isPlaying: boolean): void {
    const offset = Math.max(0, atMs - this.#firstMs);
    if (isPlaying) {
      this.#replayer.play(offset);
    } else {
      this.#replayer.pause(offset);
    }
  }

  pause(): void {
    this.#replayer.pause();
  }

  setSpeed(speed: number): void {
    this.#replayer.setConfig({ speed });
  }

  /** Adds events; those before its beginning can no longer be shown. */
  append(events: readonly eventWithTime[]): void {
    for (const event of labelFrames(events)) {
      if (event.timestamp >= this.#firstMs) {
        this.#replayer.addEvent(event);
      }
    }
  }

  /** Takes it off the page. */
  destroy(): void {
    this.#replayer.destroy();
    this.element.remove();
  }
}
