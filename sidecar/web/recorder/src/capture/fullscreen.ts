// Elements that fill the screen. rrweb records nothing of it, so they get an attribute in the recording, which the page
// does not have: it is part of the replayed document like any other, and the player's style sheet does the rest.
import { EventType, IncrementalSource, type attributeMutation, type eventWithTime } from "@rrweb/types";

/** Attribute of elements that fill the screen, in the recording. */
export const FULLSCREEN_ATTRIBUTE = "data-afterimage-fullscreen";

/** Watches from construction until `end`. */
export class Fullscreen {
  readonly #emit: (event: eventWithTime) => void;
  readonly #idOf: (node: Node) => number;
  readonly #changed: () => void;
  /** Ids of the elements that fill the screen: an element in a frame fills it together with the frame. */
  #marked: readonly number[] = [];

  /**
   * @param emit - Adds an event.
   * @param idOf - Returns a node's id in the recording; -1: the node has no id.
   * @param wrap - Makes a function that reports its errors.
   */
  constructor(
    emit: (event: eventWithTime) => void,
    idOf: (node: Node) => number,
    wrap: (work: () => void) => () => void,
  ) {
    this.#emit = emit;
    this.#idOf = idOf;
    this.#changed = wrap(() => {
      this.#mark(this.#marked);
    });
    document.addEventListener("fullscreenchange", this.#changed);
  }

  /** A full snapshot was taken, which has the page's own attributes only. */
  again(): void {
    this.#mark([]);
  }

  end(): void {
    document.removeEventListener("fullscreenchange", this.#changed);
  }

  #mark(before: readonly number[]): void {
    const now = elements(document)
      .map(this.#idOf)
      .filter((id) => id > 0);
    this.#marked = now;
    const attributes: attributeMutation[] = [
      ...before.filter((id) => !now.includes(id)).map((id) => ({ id, attributes: { [FULLSCREEN_ATTRIBUTE]: null } })),
      ...now.filter((id) => !before.includes(id)).map((id) => ({ id, attributes: { [FULLSCREEN_ATTRIBUTE]: "" } })),
    ];
    if (attributes.length > 0) {
      this.#emit({
        type: EventType.IncrementalSnapshot,
        data: { source: IncrementalSource.Mutation, texts: [], attributes, removes: [], adds: [] },
        timestamp: Date.now(),
      });
    }
  }
}

/** Returns the element that fills the screen, and the ones within it in frames and shadow roots. */
function elements(root: DocumentOrShadowRoot): Element[] {
  const element = root.fullscreenElement;
  // A document names the host of an element in a shadow root.
  const inner = element?.shadowRoot ?? (element instanceof HTMLIFrameElement ? element.contentDocument : null);
  if (element === null) {
    return [];
  }
  if (inner === null) {
    return [element];
  }
  const within = elements(inner);
  return inner instanceof ShadowRoot && within.length > 0 ? within : [element, ...within];
}
