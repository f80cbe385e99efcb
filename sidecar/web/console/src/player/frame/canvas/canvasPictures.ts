// Contents of recorded canvases, as pictures. In a frame without scripts a browser lays out a <canvas> as the text in it,
// and draws nothing (https://html.spec.whatwg.org/multipage/canvas.html#the-canvas-element); rrweb's own way is to allow
// scripts in the frame. Here the canvas shows an image instead (CSS `content`), which is laid out as the canvas was: of
// the recorded data, or drawn by canvas/drawing.ts outside of the recorded page, else an empty one. docs/adr/0018.
import type { Replayer } from "@rrweb/replay";
import { type canvasMutationData, EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";
import { Drawing, type DrawingStep } from "./drawing";
import { emptyPicture, frameOf, imageOf, record, type Size } from "./pictures";

/** Shortest interval between two pictures of a canvas, in milliseconds: they are encoded each time. */
const PICTURE_MS = 100;

/** A canvas of the page that is shown. */
interface Canvas {
  /** Null: the Replayer has not built it yet, as it builds the page of a moment last. */
  element: HTMLCanvasElement | null;
  size: Size;
  /** Its picture without its steps; empty: nothing is recorded. */
  picture: string;
  drawing: Drawing | null;
  steps: DrawingStep[];
  isBusy: boolean;
}

/** Canvases of one Replayer: a plugin of it (`plugins` of its configuration). */
export class CanvasPictures {
  readonly #canvases = new Map<number, Canvas>();
  readonly #styles = new MutationObserver((changes) => {
    for (const { target } of changes) {
      this.#keep(target as HTMLCanvasElement);
    }
  });
  readonly #shown = new WeakMap<HTMLCanvasElement, string>();
  /** Pictures that are being drawn. */
  readonly #drawing = new Set<Promise<string>>();

  /** Called by the Replayer for each node that it has built. */
  onBuild(node: unknown, { id, replayer }: { id: number; replayer: Replayer }): void {
    const element = node as HTMLCanvasElement;
    if (element.nodeName !== "CANVAS" || typeof element.getContext !== "function") {
      return;
    }
    const known = this.#canvases.get(id);
    const attributes = record(record(replayer.getMirror().getMeta(element)).attributes);
    const canvas: Canvas = {
      element,
      size: { width: element.width, height: element.height },
      picture: imageOf(attributes.rr_dataURL) ?? "",
      drawing: null,
      steps: known?.element === null ? known.steps : [],
      isBusy: false,
    };
    this.#canvases.set(id, canvas);
    this.#styles.observe(element, { attributes: true, attributeFilter: ["style"] });
    this.#show(canvas, canvas.picture || emptyPicture(canvas.size));
    void this.#work(canvas);
  }

  /** Called by the Replayer after each event that it has applied. */
  handler(event: eventWithTime, _isSync: boolean, { replayer }: { replayer: Replayer }): void {
    if (event.type === EventType.FullSnapshot) {
      const mirror = replayer.getMirror();
      for (const [id, { element }] of this.#canvases) {
        if (element === null || mirror.getNode(id) !== element) {
          this.#canvases.delete(id);
        }
      }
    } else if (event.type === EventType.IncrementalSnapshot) {
      const { data } = event;
      if (data.source === IncrementalSource.CanvasMutation) {
        this.#draw(data);
      } else if (data.source === IncrementalSource.Mutation) {
        for (const { id, attributes } of data.attributes) {
          this.#resize(id, attributes);
        }
      }
    }
  }

  /** Waits until the pictures of all events up to now are shown, but for those that came too soon after others. */
  async settled(): Promise<void> {
    await Promise.resolve(); // #work begins after the events
    await Promise.resolve();
    while (this.#drawing.size > 0) {
      await Promise.allSettled(this.#drawing);
      await Promise.resolve();
    }
  }

  /** Draws nothing more. */
  close(): void {
    this.#canvases.clear();
    this.#styles.disconnect();
  }

  #draw(data: canvasMutationData): void {
    const canvas = this.#of(data.id);
    const frame = frameOf(data);
    if (frame !== null) {
      // A whole new picture: nothing before it is to be seen.
      canvas.steps = [];
    }
    canvas.steps.push(frame === null ? { kind: "commands", data } : { kind: "picture", url: frame });
    void this.#work(canvas);
  }

  #resize(id: number, attributes: Readonly<Record<string, unknown>>): void {
    const isCanvas = this.#canvases.has(id);
    if (!isCanvas || !("width" in attributes || "height" in attributes)) {
      return;
    }
    const canvas = this.#of(id);
    // As the element reads them: https://html.spec.whatwg.org/multipage/canvas.html#attr-canvas-width
    const { width = null, height = null } = attributes;
    canvas.steps.push({ kind: "size", width: lengthOf(width), height: lengthOf(height) });
    void this.#work(canvas);
  }

  #of(id: number): Canvas {
    let canvas = this.#canvases.get(id);
    if (canvas === undefined) {
      canvas = {
        element: null,
        size: { width: 300, height: 150 },
        picture: "",
        drawing: null,
        steps: [],
        isBusy: false,
      };
      this.#canvases.set(id, canvas);
    }
    return canvas;
  }

  /** Carries out the steps of a canvas, and shows the results, until no more steps come. */
  async #work(canvas: Canvas): Promise<void> {
    if (canvas.isBusy) {
      return;
    }
    canvas.isBusy = true;
    // After the events that the Replayer applies at once.
    await Promise.resolve();
    while (canvas.element !== null && canvas.steps.length > 0) {
      const steps = canvas.steps.splice(0);
      const picture = this.#pictureAfter(canvas, steps);
      this.#drawing.add(picture);
      try {
        this.#show(canvas, await picture);
      } finally {
        this.#drawing.delete(picture);
      }
      await new Promise((resolve) => setTimeout(resolve, PICTURE_MS));
    }
    canvas.isBusy = false;
  }

  async #pictureAfter(canvas: Canvas, steps: readonly DrawingStep[]): Promise<string> {
    const [last] = steps.slice(-1);
    if (last?.kind === "picture") {
      canvas.picture = last.url;
      canvas.drawing = null;
      return last.url;
    }
    canvas.drawing ??= new Drawing(canvas.size, canvas.picture);
    await canvas.drawing.carryOut(steps);
    canvas.size = canvas.drawing.size;
    return canvas.drawing.picture() ?? emptyPicture(canvas.size);
  }

  #show(canvas: Canvas, url: string): void {
    if (canvas.element !== null) {
      this.#shown.set(canvas.element, `url("${url}")`);
      this.#keep(canvas.element);
    }
  }

  /** Puts the picture back where the recorded page has changed the element's style. */
  #keep(element: HTMLCanvasElement): void {
    const content = this.#shown.get(element) ?? "";
    if (element.style.getPropertyValue("content") !== content) {
      element.style.setProperty("content", content, "important");
    }
  }
}

/** Returns a length in pixels as a canvas reads its attribute; null: not given, or not a number. */
function lengthOf(value: unknown): number | null {
  const length = Number.parseInt(String(value), 10);
  return Number.isFinite(length) && length >= 0 ? length : null;
}
