// Contents of the page that a recording cannot have as they are: too large, or with an address that ends with the page.
import { EventType, type eventWithTime } from "@rrweb/types";
import type { ErrorBoundary } from "../support/errorBoundary";
import type { Notices } from "../support/status";
import { BlobPictures } from "./blobPictures";
import { REPLACED_TAG, replaceInlineData, type Replaced } from "./inlineData";

/** Least limit of a single URI, in characters, below which a snapshot is not made smaller. */
const LEAST_BYTES = 4 * 1024;
/** Factor by which the limit falls when a snapshot was refused as too large. */
const STEP = 8;

/** Dependencies of Contents. */
export interface ContentsParts {
  /** Largest inlined URI, in characters. */
  readonly maxInlineBytes: number;
  readonly emit: (event: eventWithTime) => void;
  readonly find: (id: number) => Node | null;
  readonly mayShow: (element: Element) => boolean;
  readonly boundary: ErrorBoundary;
  readonly notices: Notices;
}

/** Adapts events before they are sent. */
export class Contents {
  readonly #parts: ContentsParts;
  readonly #blobs: BlobPictures;
  #limitBytes: number;
  #replaced = 0;

  constructor(parts: ContentsParts) {
    const { emit, find, mayShow, boundary } = parts;
    this.#parts = parts;
    this.#limitBytes = parts.maxInlineBytes;
    this.#blobs = new BlobPictures({
      emit,
      find,
      mayShow,
      onBox: () => {
        this.#report({ pictures: 1, fonts: 0, other: 0, bytes: 0, limitBytes: this.#limitBytes }, Date.now());
      },
      start: (work) => {
        boundary.start(work);
      },
    });
  }

  /** Number of pictures, fonts and media left out since the start. */
  get replaced(): number {
    return this.#replaced;
  }

  /**
   * Changes an event in place.
   *
   * @param text - The event as JSON: only where it may have such contents, they are looked for.
   * @returns whether it was changed.
   */
  adapt(event: eventWithTime, text: string): boolean {
    if (event.type === EventType.Custom || event.type === EventType.Plugin) {
      return false;
    }
    const hasBlobs = text.includes("blob:") && this.#blobs.replace(event);
    const replaced =
      text.length > this.#limitBytes ? replaceInlineData(event, this.#limitBytes, this.#parts.find) : undefined;
    if (replaced !== undefined) {
      this.#report(replaced, event.timestamp);
    }
    return hasBlobs || replaced !== undefined;
  }

  /** A snapshot was refused as too large: later ones have less. Returns whether that is possible. */
  tighten(): boolean {
    const next = Math.max(LEAST_BYTES, Math.floor(this.#limitBytes / STEP));
    const isPossible = next < this.#limitBytes;
    this.#limitBytes = next;
    return isPossible;
  }

  #report(replaced: Replaced, timeMs: number): void {
    const count = replaced.pictures + replaced.fonts + replaced.other;
    this.#replaced += count;
    this.#parts.notices.report(
      "inline_too_large",
      `${this.#replaced} inlined pictures, fonts or media of this page are not recorded, since they are larger than ` +
        `${replaced.limitBytes} bytes or too many: see maxInlineBytes`,
    );
    this.#parts.emit({ type: EventType.Custom, data: { tag: REPLACED_TAG, payload: replaced }, timestamp: timeMs });
  }
}
