// Draws a recording frame by frame, by order of services/export/rendering/page.py: each window in use on a stage of the
// player, which plays by the frames' clock. All times are milliseconds since 1970 UTC by the visitor's clock.
import { EventType, type eventWithTime, IncrementalSource, MouseInteractions } from "@rrweb/types";
import { Activity, type WindowSegment } from "../player/activity";
import { readFacts } from "../player/frame/facts";
import { type Inflated, inflate } from "../player/frame/inflate";
import { isSize } from "../player/frame/eventShape";
import { MissingFilesWatch } from "../player/frame/missingFiles";
import { showWholePage } from "../player/frame/pagePicture";
import { Stage } from "../player/frame/stage";
import { StageEvents } from "../player/frame/stageEvents";
import type { FrameChunk, MissingFiles } from "../player/protocol";
import { type Span, within, without } from "../player/spans";
import { Animations } from "./animations";
import type { FrameClock } from "./frameClock";
import { Overlay, type OverlayContents } from "./overlay";

/** A chunk as the renderer hands it over: its payload in base64. */
type GivenChunk = Omit<FrameChunk, "payload" | "page"> & { payload: string };

/** A span in which one window is shown. */
export interface PlannedSpan extends Span {
  windowId: string;
}

/** Questions to the recording once all of its chunks were read. */
export interface PlanRequest extends Span {
  /** Windows and when they were opened. */
  windows: WindowSegment[];
  skipsPauses: boolean;
}

/** State after a step. */
export interface Stepped {
  /** Whether anything has happened since the last frame. */
  isChanged: boolean;
  /** Whether anything moves by itself. */
  isAnimating: boolean;
  /** Where the pointer is to be laid over the picture; null: nowhere, or it is drawn in the picture. */
  pointer: Place | null;
  /** The next moment at which something happens, as far as events were handed over; null: none is known. */
  nextMs: number | null;
}

/** A place in the picture, in pixels, and the size of a CSS pixel of the recorded page there. */
interface Place {
  x: number;
  y: number;
  scale: number;
}

/**
 * Longest wait for pictures and fonts of one frame, and of all of them together, in real milliseconds. There is no network:
 * each comes or fails at once, as far as the machine is not busy. Two renderings are the same only if none is given up.
 */
const FRAME_WAIT_MS = 15_000;
const ALL_WAITS_MS = 60_000;

/** Members of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  timer: { actions: readonly { delay: number }[]; timeOffset: number };
}

/** Space that the pointer's own picture takes on each side of its place, in CSS pixels of the page (pictures.py). */
const POINTER_PX = 48;

const NO_PICTURE = "No picture yet";

export class RenderPage {
  readonly #clock: FrameClock;
  #activity: Activity | null = null;
  #overlay: Overlay | null = null;
  readonly #empty = document.createElement("div");
  #stage: Stage | null = null;
  #events = new StageEvents(() => undefined);
  #size = { width: 0, height: 0 };
  /** Size of the whole page that is shown; null: the visitor's viewport is. */
  #whole: { width: number; height: number } | null = null;
  readonly #animations = new Animations();
  /** The page's last full snapshot before the stage's first moment; null once the stage has been shown. */
  #builtMs: number | null = null;
  /** Whether the stage's first picture is shown before its time: that of the session's start. */
  #isShownEarly = false;
  #isChanged = true;
  #pointer = "";
  /** Place of the recorded viewport in the picture. */
  #place: Place = { x: 0, y: 0, scale: 1 };
  #isPointerApart = false;
  #waitedMs = 0;
  #missing: MissingFiles = { pictures: 0, fonts: 0, sheets: 0, media: 0, hosts: [] };
  #leftOut = 0;
  readonly #watch = new MissingFilesWatch((missing) => {
    this.#missing = missing;
  });

  constructor(clock: FrameClock) {
    this.#clock = clock;
    this.#empty.className = "overlay-empty";
    this.#empty.textContent = NO_PICTURE;
    document.body.append(this.#empty);
  }

  /** Reads the content of a chunk for the plan. Returns the first viewport in it; null: not in it. */
  async read(chunk: GivenChunk, startMs: number): Promise<{ width: number; height: number } | null> {
    this.#activity ??= new Activity(startMs);
    let content: Inflated;
    try {
      content = await inflate(decoded(chunk));
    } catch {
      this.#leftOut += 1;
      return null;
    }
    const { events, shiftsMs } = content;
    for (const atMs of readFacts(chunk.windowId, chunk.seq, events, shiftsMs).activeMs) {
      this.#activity.add(chunk.windowId, atMs);
    }
    const meta = events.find((event) => event.type === EventType.Meta && isSize(event.data));
    return meta?.type === EventType.Meta ? { width: meta.data.width, height: meta.data.height } : null;
  }

  /** Returns the spans to be shown, in the order of time, and the pauses that are skipped. */
  plan({ fromMs, toMs, windows, skipsPauses }: PlanRequest): { spans: PlannedSpan[]; pauses: Span[] } {
    const span = { fromMs, toMs };
    // Without an activity there is nothing that a pause would lie between.
    const pauses = skipsPauses ? within(span, this.#activity?.pauses(span) ?? []) : [];
    const segments = this.#activity?.segments(windows) ?? [];
    const spans = segments.flatMap(({ windowId, fromMs: begin }, at) => {
      const end = segments[at + 1]?.fromMs ?? Infinity;
      const part = { fromMs: Math.max(begin, fromMs), toMs: Math.min(end, toMs) };
      return part.toMs > part.fromMs ? without(part, pauses).map((shown) => ({ ...shown, windowId })) : [];
    });
    return { spans, pauses };
  }

  /**
   * Sets the contents of the overlay.
   *
   * @param isPointerApart Whether the pointer is laid over the pictures later, as far as it is only moved: most frames
   *   of a recording differ in nothing else.
   */
  lay(contents: OverlayContents, isPointerApart: boolean): void {
    this.#overlay = new Overlay(contents);
    this.#isPointerApart = isPointerApart && contents.parts.pointer;
  }

  /** Shows the whole page from now on, in CSS pixels of it, instead of the visitor's viewport. */
  showWhole(width: number, height: number): void {
    this.#whole = { width, height };
  }

  /**
   * Shows nothing but the pointer, at a distance from the upper left corner; null: shows the recording again.
   *
   * @param apart Distance from both edges, in pixels.
   */
  showPointer(background: string | null, scale: number, apart: number): void {
    document.querySelector(".only-pointer")?.remove();
    if (background !== null) {
      const sheet = document.createElement("div");
      sheet.className = "only-pointer";
      sheet.style.background = background;
      const at = sheet.appendChild(document.createElement("div"));
      at.style.transform = `translate(${apart}px, ${apart}px) scale(${scale})`;
      const mouse = at.appendChild(document.createElement("div"));
      mouse.className = "replayer-mouse";
      mouse.style.left = mouse.style.top = "0";
      document.body.append(sheet);
    }
  }

  /** Shows a window from a moment on. Returns the bytes of JSON of the chunks. */
  async enter(windowId: string, chunks: readonly GivenChunk[], atMs: number): Promise<number> {
    const read = await Promise.all(chunks.map((chunk) => inflate(decoded(chunk)).catch(() => null)));
    this.#leftOut += read.filter((each) => each === null).length;
    this.#stage?.destroy();
    this.#stage = null;
    this.#events = new StageEvents(() => {
      this.#leftOut += 1;
    });
    this.#clock.jumpTo(atMs);
    this.#isChanged = true;
    this.#animations.reset();
    this.#overlay?.enter(windowId);
    const events = this.#events.next(read.flatMap((each) => each?.events ?? []));
    const snapshotsMs = events.flatMap(({ type, timestamp }) => (type === EventType.FullSnapshot ? [timestamp] : []));
    if (snapshotsMs.length > 0) {
      this.#builtMs = snapshotsMs.findLast((ms) => ms <= atMs) ?? atMs;
      const stage = new Stage(
        events,
        atMs,
        1,
        this.#watch,
        (width, height) => {
          this.#size = { width, height };
          this.#fit(stage);
        },
        () => {
          this.#leftOut += 1;
        },
        {
          isStepped: true,
          onEvent: (event) => {
            this.#applied(event);
          },
        },
      );
      stage.seek(atMs);
      this.#fit(stage);
      // Before its first picture, a stage shows that: it plays from there, and waits until the clock is there, too.
      this.#clock.jumpTo(Math.max(atMs, Math.floor(stage.nowMs)));
      this.#isShownEarly = stage.hasPicture;
      stage.play();
      this.#stage = stage;
    }
    return read.reduce((bytes, each) => bytes + (each?.rawBytes ?? 0), 0);
  }

  /** Adds a chunk to the window that is shown. Returns its bytes of JSON. */
  async append(chunk: GivenChunk): Promise<number> {
    try {
      const { events, rawBytes } = await inflate(decoded(chunk));
      this.#stage?.append(this.#events.next(events));
      return rawBytes;
    } catch {
      this.#leftOut += 1;
      return 0;
    }
  }

  /** Goes on to a moment. */
  async step(atMs: number): Promise<Stepped> {
    this.#clock.advanceTo(atMs);
    const isOverlayChanged = this.#overlay?.show(atMs) === true;
    const hasPicture = this.#hasPicture();
    const isEarly = this.#stage?.element.classList.contains("early") === true;
    if (this.#stage !== null && isEarly === hasPicture) {
      this.#stage.element.classList.toggle("early", !hasPicture);
      this.#isChanged = true;
    }
    this.#empty.classList.toggle("shown", !hasPicture);
    const pointer = this.#movePointer();
    const isChanged = this.#isChanged || isOverlayChanged;
    const isAnimating = this.#animations.bringTo(this.#documents(), atMs, this.#builtMs ?? atMs);
    this.#builtMs = null;
    if (this.#isChanged) {
      await this.#settled();
    }
    if (this.#whole !== null && this.#stage !== null) {
      this.#fit(this.#stage); // the page may have become taller since then
      await this.#settled();
    }
    this.#isChanged = false;
    const nextMs = Math.min(this.#nextEventMs(atMs), this.#overlay?.nextMs(atMs) ?? Infinity);
    return { isChanged, isAnimating, pointer, nextMs: nextMs === Infinity ? null : nextMs };
  }

  /** Returns counts of everything that could not be shown up to now. */
  report(): { missing: MissingFiles; leftOut: number } {
    return { missing: this.#missing, leftOut: this.#leftOut };
  }

  #applied(event: eventWithTime): void {
    this.#isChanged ||= changesPage(event);
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.MouseInteraction) {
      return;
    }
    if (event.data.type === MouseInteractions.Click && this.#stage !== null) {
      this.#overlay?.click(this.#stage.element, event.timestamp, ...this.#stage.pointer);
    }
  }

  #hasPicture(): boolean {
    return this.#stage !== null && (this.#isShownEarly || this.#stage.hasPicture);
  }

  /** Returns where the pointer is to be laid over the picture. */
  #movePointer(): Place | null {
    const [left = "", top = ""] = this.#stage?.pointer ?? [];
    const mouse = this.#stage?.element.querySelector(".replayer-mouse");
    const { x, y, scale } = this.#place;
    const isDrawn =
      !this.#isPointerApart ||
      // Its picture has to be smaller than the page's.
      2 * Math.ceil(POINTER_PX * scale) > Math.min(window.innerWidth, window.innerHeight) ||
      mouse?.classList.contains("touch-device") === true;
    document.body.classList.toggle("pointer-apart", !isDrawn);
    // The Replayer reports no event for each place of the pointer.
    const state = `${isDrawn} ${isDrawn ? left + top : ""}`;
    this.#isChanged ||= state !== this.#pointer;
    this.#pointer = state;
    if (isDrawn || left === "" || !this.#hasPicture()) {
      return null;
    }
    return { x: x + Number.parseFloat(left) * scale, y: y + Number.parseFloat(top) * scale, scale };
  }

  #nextEventMs(atMs: number): number {
    const inside = this.#stage?.replayer as unknown as Inside | undefined;
    const delay = inside?.timer.actions[0]?.delay;
    if (inside === undefined || delay === undefined) {
      return Infinity;
    }
    return atMs + Math.max(0, Math.ceil(delay - inside.timer.timeOffset));
  }

  /** Waits for pictures, fonts and canvases, as long as is reasonable. */
  async #settled(): Promise<void> {
    await this.#stage?.settled();
    const waits = this.#documents().flatMap((each) => [
      ...Array.from(each.images, loaded),
      each.fonts.status === "loading" ? each.fonts.ready : undefined,
    ]);
    const open = waits.filter((wait) => wait !== undefined);
    const limitMs = Math.min(FRAME_WAIT_MS, ALL_WAITS_MS - this.#waitedMs);
    if (open.length === 0 || limitMs <= 0) {
      return;
    }
    const beganMs = Date.now();
    await Promise.race([Promise.all(open), this.#clock.realMs(limitMs)]);
    this.#waitedMs += Date.now() - beganMs;
  }

  /** This document and those of the recorded page. */
  #documents(): Document[] {
    const found = [document];
    for (const each of found) {
      for (const frame of each.querySelectorAll("iframe")) {
        if (frame.contentDocument !== null) {
          found.push(frame.contentDocument);
        }
      }
    }
    return found;
  }

  #fit({ element }: Stage): void {
    const { width, height } = this.#size;
    if (width <= 0 || height <= 0) {
      return;
    }
    if (this.#whole !== null) {
      const frame = element.querySelector("iframe");
      if (frame !== null) {
        showWholePage(frame, this.#whole, this.#size);
      }
      element.style.transform = `scale(${window.innerWidth / this.#whole.width})`;
      this.#isChanged = true;
      return;
    }
    const barPx = this.#overlay?.barPx ?? 0;
    const room = { width: window.innerWidth, height: window.innerHeight - barPx };
    const scale = Math.min(room.width / width, room.height / height);
    const x = Math.floor(Math.max(0, (room.width - width * scale) / 2));
    const y = barPx + Math.floor(Math.max(0, (room.height - height * scale) / 2));
    this.#place = { x, y, scale };
    // As in the player: browsers draw text without a transform a little differently.
    element.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.#isChanged = true;
  }
}

/** Whether an event may change the look of the page, besides the pointer and the elements under it. */
function changesPage({ type, data }: eventWithTime): boolean {
  if (type !== EventType.IncrementalSnapshot) {
    return type === EventType.FullSnapshot || type === EventType.Meta;
  }
  return ![
    IncrementalSource.MouseMove,
    IncrementalSource.TouchMove,
    IncrementalSource.Drag,
    IncrementalSource.MouseInteraction,
    IncrementalSource.Log,
  ].includes(data.source);
}

function loaded(image: HTMLImageElement): Promise<unknown> | undefined {
  if (image.complete) {
    return undefined;
  }
  return new Promise((resolve) => {
    image.addEventListener("load", resolve, { once: true });
    image.addEventListener("error", resolve, { once: true });
  });
}

function decoded({ payload, ...chunk }: GivenChunk): FrameChunk {
  const text = atob(payload);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    bytes[at] = text.charCodeAt(at);
  }
  return { ...chunk, page: "", payload: bytes.buffer };
}
