// Parts of an export besides the recorded page: address and time above it, clicks and the words of findings on it.

/** Parts of the overlay that are shown. */
export interface OverlayParts {
  pointer: boolean;
  clicks: boolean;
  address: boolean;
  clock: boolean;
  captions: boolean;
}

/** A text with the span in which it is shown, in milliseconds since 1970 UTC. */
export interface Caption {
  fromMs: number;
  toMs: number;
  text: string;
}

/** A page that was opened in a window. */
export interface OpenedPage {
  windowId: string;
  fromMs: number;
  url: string;
}

export interface OverlayContents {
  parts: OverlayParts;
  /** The session's first and last moment. */
  startMs: number;
  endMs: number;
  /** In the order of time. */
  pages: readonly OpenedPage[];
  /** In the order of time; those of findings. */
  captions: readonly Caption[];
  /** In the order of time; those of skipped pauses. */
  notes: readonly Caption[];
  /** Text over the whole picture; "": none. */
  watermark: string;
}

const SECOND_MS = 1_000;

/** How long the mark of a click is shown, in milliseconds. */
const CLICK_MS = 500;

/** Height of the bar with the address and the time, in CSS pixels; render.css has it, too. */
export const BAR_PX = 36;

export class Overlay {
  readonly #contents: OverlayContents;
  readonly #bar = part("bar");
  readonly #address = part("address");
  readonly #note = part("note");
  readonly #clock = part("clock");
  readonly #caption = part("caption");
  #windowId = "";
  #clicks: { mark: HTMLElement; toMs: number }[] = [];

  constructor(contents: OverlayContents) {
    this.#contents = contents;
    const { pointer, address, clock } = contents.parts;
    document.body.classList.toggle("without-pointer", !pointer);
    if (address || clock) {
      this.#bar.append(this.#address, this.#note, this.#clock);
      document.body.append(this.#bar);
    }
    document.body.append(this.#caption);
    if (contents.watermark !== "") {
      document.body.append(watermark(contents.watermark));
    }
  }

  /** Height of the bar in CSS pixels; 0: no bar. */
  get barPx(): number {
    return this.#bar.isConnected ? BAR_PX : 0;
  }

  /** Shows another window's addresses from now on. */
  enter(windowId: string): void {
    this.#windowId = windowId;
  }

  /** Shows a moment. Returns whether it looks different now. */
  show(atMs: number): boolean {
    const { parts, startMs, endMs, captions, notes } = this.#contents;
    const changes = [
      parts.address && set(this.#address, this.#addressAt(atMs)),
      set(this.#note, textAt(notes, atMs)),
      parts.clock && set(this.#clock, `${offset(atMs - startMs)} / ${offset(endMs - startMs)}`),
      parts.captions && set(this.#caption, textAt(captions, atMs)),
    ];
    const over = this.#clicks.filter(({ toMs }) => toMs <= atMs);
    for (const { mark } of over) {
      mark.remove();
    }
    this.#clicks = this.#clicks.filter((click) => !over.includes(click));
    return changes.includes(true) || over.length > 0;
  }

  /** Returns the first moment after one at which it may look different. */
  nextMs(atMs: number): number {
    const { parts, startMs, pages, captions, notes } = this.#contents;
    const bounds = this.#clicks.map(({ toMs }) => toMs);
    bounds.push(...[...(parts.captions ? captions : []), ...notes].flatMap(({ fromMs, toMs }) => [fromMs, toMs]));
    if (parts.address) {
      bounds.push(...pages.map(({ fromMs }) => fromMs));
    }
    if (parts.clock) {
      bounds.push(startMs + (Math.floor((atMs - startMs) / SECOND_MS) + 1) * SECOND_MS);
    }
    return bounds.reduce((next, ms) => (ms > atMs && ms < next ? ms : next), Infinity);
  }

  /** Marks a click; the mark is drawn over the recorded page, at a place of the Replayer's pointer. */
  click(stage: HTMLElement, atMs: number, left: string, top: string): void {
    const wrapper = stage.querySelector(".replayer-wrapper");
    if (!this.#contents.parts.clicks || wrapper === null) {
      return;
    }
    const mark = part("click-mark");
    mark.style.left = left;
    mark.style.top = top;
    wrapper.append(mark);
    this.#clicks.push({ mark: mark, toMs: atMs + CLICK_MS });
  }

  #addressAt(atMs: number): string {
    const page = this.#contents.pages.findLast(({ windowId, fromMs }) => windowId === this.#windowId && fromMs <= atMs);
    return page?.url ?? "";
  }
}

/** Returns a text that is large and faint across the picture, and legible in its corner. */
function watermark(text: string): HTMLElement {
  const element = part("watermark");
  const [across, corner] = [part("watermark-across"), part("watermark-corner")];
  // Short enough for its line: the corner has all of it.
  across.textContent = text.length > 40 ? `${text.slice(0, 39)}…` : text;
  corner.textContent = text;
  element.append(across, corner);
  return element;
}

function part(name: string): HTMLDivElement {
  const element = document.createElement("div");
  element.className = `overlay-${name}`;
  return element;
}

function set(element: HTMLElement, text: string): boolean {
  if (element.textContent === text) {
    return false;
  }
  element.textContent = text;
  element.classList.toggle("shown", text !== "");
  return true;
}

function textAt(captions: readonly Caption[], atMs: number): string {
  return captions
    .filter(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)
    .map(({ text }) => text)
    .join("\n");
}

/** Returns a duration as "m:ss" or "h:mm:ss". */
function offset(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
