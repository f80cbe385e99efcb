// One rrweb Replayer, showing one window of a session from a full snapshot on.
import { Replayer } from "@rrweb/replay";
import { EventType, type eventWithTime, type scrollData } from "@rrweb/types";
import { AdoptedSheets } from "./adoptedSheets";
import { CanvasPictures } from "./canvas/canvasPictures";
import { buildFrameDocuments } from "./frameDocuments";
import { labelFrames } from "./frameLabels";
import { FULLSCREEN_RULES } from "./fullscreen";
import { guard } from "./guard";
import { LINKED_SHEETS } from "./linkedSheets";
import type { MissingFilesWatch } from "./missingFiles";
import { keepReplacedNodes } from "./replacedNodes";
import { guardReplayer } from "./replayerGuard";
import { keepScrollPositions } from "./scrollPositions";

/** A Replayer ends with its last event. This end is never reached: events are added as they are loaded. */
const NEVER_MS = 10 * 365 * 86_400_000;

/** The Replayer leaves out the events at the moment itself; their times are whole milliseconds. */
const JUST_AFTER_MS = 0.5;

/** A member of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  service: { send: (event: { type: "CAST_EVENT"; payload: { event: eventWithTime } }) => void };
}

/** A session begins with its page's Meta event; its first picture, this much later at most, is that of its start too. */
const FIRST_PICTURE_MS = 1_000;

/** Differences of a stage that is drawn frame by frame. */
export interface StageOptions {
  /** Whether it is drawn frame by frame: nothing is drawn that depends on the time between two frames. */
  isStepped?: boolean;
  /** Called with each event that was applied. */
  onEvent?: (event: eventWithTime) => void;
}

/** Plays one window. All times are absolute; rrweb's own count from its first event. */
export class Stage {
  readonly #replayer: Replayer;
  readonly #canvases = new CanvasPictures();
  readonly #sheets = new AdoptedSheets();
  readonly #firstMs: number;
  /** Time of the first full snapshot. */
  readonly #pictureMs: number;
  #hasBegun = false;
  readonly #scrollAgain: () => void;
  readonly element: HTMLDivElement;

  /**
   * @param events Those of StageEvents, a full snapshot among them, in the order of time.
   * @param fromMs The first moment to be shown; the first event, if that is earlier.
   * @param missing Watches the page that is built.
   * @param onSize Called with the visitor's viewport, now and on each change.
   * @param onFault Called with an event that the Replayer could not show; null: it is not known which.
   * @param options For exports.
   */
  constructor(
    events: readonly eventWithTime[],
    fromMs: number,
    speed: number,
    missing: MissingFilesWatch,
    onSize: (width: number, height: number) => void,
    onFault: (event: eventWithTime | null) => void,
    { isStepped = false, onEvent }: StageOptions = {},
  ) {
    guard(window);
    this.element = document.createElement("div");
    this.element.className = "stage";
    // Only a picture: the Tab key skips the recorded controls.
    this.element.inert = true;
    document.body.append(this.element);
    this.#firstMs = events.reduce((least, event) => Math.min(least, event.timestamp), fromMs);
    const snapshots = events.filter((event) => event.type === EventType.FullSnapshot);
    this.#pictureMs = snapshots.reduce((least, event) => Math.min(least, event.timestamp), Infinity);
    this.#replayer = new Replayer([mark(this.#firstMs), ...labelFrames(events), mark(this.#firstMs + NEVER_MS)], {
      root: this.element,
      speed,
      showWarning: false,
      showDebug: false,
      // The focus is the viewer's: it must not leave the player's controls because a visitor clicked into a field.
      triggerFocus: false,
      insertStyleRules: [
        ...FULLSCREEN_RULES,
        // A page that scrolls smoothly would still be on its way when the picture of a moment is there.
        "* { scroll-behavior: auto !important }",
        // Contents that grow above must not move the recorded scroll positions.
        "* { overflow-anchor: none !important }",
      ],
      plugins: [
        this.#canvases,
        this.#sheets,
        LINKED_SHEETS,
        missing,
        ...(onEvent === undefined ? [] : [{ handler: onEvent }]),
      ],
      mouseTail: !isStepped && { duration: 600, lineCap: "round", lineWidth: 2, strokeStyle: "#2f7bff" },
    });
    this.#sheets.takeOver(this.#replayer);
    buildFrameDocuments(this.#replayer);
    keepReplacedNodes(this.#replayer);
    this.#scrollAgain = isStepped ? scrollAtOnce(this.#replayer) : () => undefined;
    keepScrollPositions(this.#replayer);
    guardReplayer(this.#replayer, onFault);
    this.#replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      onSize(width, height);
    });
  }

  get replayer(): Replayer {
    return this.#replayer;
  }

  /** Place of the pointer: CSS lengths from the left and the top edge of the viewport; empty: not moved yet. */
  get pointer(): [left: string, top: string] {
    const { left = "", top = "" } = this.element.querySelector<HTMLElement>(".replayer-mouse")?.style ?? {};
    return [left, top];
  }

  /** The current moment. */
  get nowMs(): number {
    return this.#firstMs + this.#replayer.getCurrentTime();
  }

  /** Whether the page had sent its first full snapshot by now: a picture before it is of a later moment. */
  get hasPicture(): boolean {
    return this.nowMs >= this.#pictureMs;
  }

  /** Shows the moment, with the events at it, and stays there. */
  seek(atMs: number): void {
    // Before the first snapshot there is nothing to build the page from: the Replayer would leave its last picture.
    const isAtStart = atMs < this.#pictureMs && this.#pictureMs - atMs <= FIRST_PICTURE_MS;
    this.#go("pause", Math.max(0, (isAtStart ? this.#pictureMs : atMs) - this.#firstMs));
  }

  play(): void {
    this.#go("play", this.#replayer.getCurrentTime());
  }

  /** Stays at the current moment; events before it that are added from now on are applied at once. */
  pause(): void {
    this.#go("pause", this.#replayer.getCurrentTime());
  }

  #go(how: "play" | "pause", offsetMs: number): void {
    if (this.#hasBegun) {
      // The Replayer takes the time of the event that it applied last for its moment, and of a MouseMove, which is sent
      // up to half a second after its first position, that of this position: a seek back to in between would leave the
      // page as it is, and one forward would apply the events in between twice. All events up to now are applied.
      const { service } = this.#replayer as unknown as Inside;
      service.send({ type: "CAST_EVENT", payload: { event: mark(Math.floor(this.nowMs)) } });
    }
    this.#hasBegun = true;
    this.#replayer[how](Math.floor(offsetMs) + JUST_AFTER_MS);
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

  /** Waits for the contents of canvases, and sets scroll positions again that changes of the page have moved. */
  async settled(): Promise<void> {
    this.#scrollAgain();
    await this.#canvases.settled();
  }

  /** Takes it off the page. */
  destroy(): void {
    this.#canvases.close();
    this.#replayer.destroy();
    this.element.remove();
  }
}

/**
 * Scrolls as a seek does: playing, the Replayer scrolls smoothly. Must come before `keepScrollPositions`.
 *
 * @returns Sets the latest positions again: the page may have become larger since.
 */
function scrollAtOnce(replayer: Replayer): () => void {
  const inside = replayer as unknown as { applyScroll: (data: scrollData, isSync: boolean) => void };
  const apply = inside.applyScroll.bind(replayer);
  const latest = new Map<number, scrollData>();
  inside.applyScroll = (data) => {
    latest.delete(data.id);
    latest.set(data.id, data);
    apply(data, true);
  };
  replayer.on("fullsnapshot-rebuilded", () => {
    latest.clear();
  });
  return () => {
    for (const data of latest.values()) {
      apply(data, true);
    }
  };
}

function mark(timestamp: number): eventWithTime {
  return { type: EventType.Custom, data: { tag: "afterimage.mark", payload: {} }, timestamp };
}
