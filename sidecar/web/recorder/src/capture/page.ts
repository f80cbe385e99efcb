// Page data that rrweb does not report: the page's size, positions of its frames, and changes of its address.
import type { ErrorBoundary } from "../support/errorBoundary";
import { Layers } from "./layers";
import { startPart } from "../support/parts";
import { listen } from "../support/realm";
import { pageExtent } from "./pageExtent";

/** Custom event with the page's size; docs/definitions.md describes its use. */
export const PAGE_TAG = "afterimage.page";
/** Custom event with the page's address after a change without a load. */
export const URL_TAG = "afterimage.url";

/** Changes in quick succession are measured once. */
const SETTLE_MS = 250;
const MAX_FRAMES = 64;

interface FramePlace {
  readonly id: number;
  readonly x: number;
  readonly y: number;
}

/** Watches from construction until `stop`. */
export class PageWatch {
  readonly #emit: (tag: string, payload: unknown) => void;
  readonly #idOf: (node: Node) => number;
  readonly #boundary: ErrorBoundary;
  readonly #maskUrl: (url: string) => string;
  readonly #ends: (() => void)[] = [];
  #href = location.href;
  #measured = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param emit - Adds a Custom event.
   * @param idOf - Returns a node's id in the recording; -1: the node has no id.
   * @param maskUrl - Masks a URL.
   */
  constructor(
    emit: (tag: string, payload: unknown) => void,
    idOf: (node: Node) => number,
    boundary: ErrorBoundary,
    maskUrl: (url: string) => string,
  ) {
    this.#emit = emit;
    this.#idOf = idOf;
    this.#boundary = boundary;
    this.#maskUrl = maskUrl;
    const later = boundary.wrap(() => {
      this.#measureLater();
    });
    const moved = boundary.wrap(() => {
      this.#moved();
    });
    this.#start("sizes of the page", () => {
      this.#ends.push(listen(window, "resize", later), listen(window, "load", later));
      if (typeof ResizeObserver === "function") {
        const observer = new ResizeObserver(later);
        observer.observe(document.documentElement);
        this.#ends.push(() => {
          observer.disconnect();
        });
      }
    });
    this.#start("addresses", () => {
      this.#ends.push(listen(window, "popstate", moved), listen(window, "hashchange", moved));
      const target = Object.hasOwn(history, "pushState") ? history : History.prototype;
      const layers = new Layers([[target, ["pushState", "replaceState"]]]).hook(({ value }) => ({
        value(this: History, ...args: unknown[]): void {
          Reflect.apply(value as History["pushState"], this, args);
          moved();
        },
      }));
      this.#ends.push(() => {
        layers.end();
      });
      if (layers.count < 2) {
        this.#ends.push(listenToNavigation(moved, new TypeError("history cannot be hooked")));
      }
    });
  }

  /** A full snapshot was taken: known positions of frames are no longer valid. */
  measureSoon(): void {
    this.#measured = "";
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(this.#measure, 0);
  }

  stop(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
    }
    for (const end of this.#ends.splice(0)) {
      this.#boundary.run(end);
    }
  }

  #measureLater(): void {
    this.#timer ??= setTimeout(this.#measure, SETTLE_MS);
  }

  readonly #measure = (): void => {
    this.#timer = undefined;
    this.#boundary.run(() => {
      const { width, height, scroller, scrollX, scrollY, left } = pageExtent();
      const scrolled =
        scroller === null ? {} : { scroller: { id: this.#idOf(scroller), x: scrollX + left, y: scrollY } };
      const frames = this.#frames(document, scrollX, scrollY);
      const payload = { width, height, frames, ...(left === 0 ? {} : { left }), ...scrolled };
      const text = JSON.stringify(payload);
      if (text === this.#measured || width === 0 || height === 0) {
        return;
      }
      this.#measured = text;
      this.#emit(PAGE_TAG, payload);
    });
  };

  /** Returns the origins of same-origin frames, nested ones included, in coordinates of the top document. */
  #frames(doc: Document, left: number, top: number): FramePlace[] {
    const places: FramePlace[] = [];
    for (const frame of Array.from(doc.querySelectorAll("iframe")).slice(0, MAX_FRAMES)) {
      const id = this.#idOf(frame);
      const inner = contentOf(frame);
      if (id <= 0 || inner === null) {
        continue;
      }
      const box = frame.getBoundingClientRect();
      const x = left + box.left + frame.clientLeft;
      const y = top + box.top + frame.clientTop;
      places.push({ id, x: Math.round(x), y: Math.round(y) }, ...this.#frames(inner, x, y));
    }
    return places.slice(0, MAX_FRAMES);
  }

  #moved(): void {
    if (location.href === this.#href) {
      return;
    }
    this.#href = location.href;
    this.#emit(URL_TAG, { href: this.#maskUrl(location.href) });
    this.#measureLater();
  }

  #start(part: string, start: () => void): void {
    startPart(part, start, undefined);
  }
}

/** Listens to all changes of the address, where the browser has an event for them; throws `error` where it does not. */
function listenToNavigation(listener: () => void, error: unknown): () => void {
  const { navigation } = window as Window & { navigation?: EventTarget };
  if (navigation === undefined) {
    throw error;
  }
  return listen(navigation, "currententrychange", listener);
}

function contentOf(frame: HTMLIFrameElement): Document | null {
  try {
    return frame.contentDocument;
  } catch {
    return null;
  }
}
