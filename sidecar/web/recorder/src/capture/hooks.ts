// rrweb's hooks in the page and in its frames, below layers: see layers.ts.
import { Layers } from "./layers";

/** Properties that rrweb hooks, by the name of their interface (initObservers of @rrweb/record 2.1.6). */
const HOOKED: Readonly<Record<string, readonly string[]>> = {
  Element: ["attachShadow"],
  CSSStyleSheet: ["insertRule", "addRule", "deleteRule", "removeRule", "replace", "replaceSync"],
  CSSGroupingRule: ["insertRule", "deleteRule"],
  CSSMediaRule: ["insertRule", "deleteRule"],
  CSSConditionRule: ["insertRule", "deleteRule"],
  CSSSupportsRule: ["insertRule", "deleteRule"],
  CSSStyleDeclaration: ["setProperty", "removeProperty"],
  HTMLInputElement: ["value", "checked"],
  HTMLSelectElement: ["value", "selectedIndex"],
  HTMLTextAreaElement: ["value"],
  HTMLOptionElement: ["selected"],
};
/** And where canvases are recorded: all properties of these. */
const CANVASES = ["CanvasRenderingContext2D", "WebGLRenderingContext", "WebGL2RenderingContext"];

type Realm = Window & typeof globalThis;

/** Hooks of one recording. */
export class Hooks {
  readonly #recordsCanvas: boolean;
  readonly #page: Layers;
  readonly #frames = new Map<Window, Layers>();

  /** @param recordsCanvas - Whether rrweb hooks canvases. */
  constructor(recordsCanvas: boolean) {
    this.#recordsCanvas = recordsCanvas;
    this.#page = this.#layersOf(window);
  }

  /** Runs `work`, in which rrweb hooks or unhooks functions. Those that other tools have added stay. */
  within<T>(work: () => T): T {
    const all = [this.#page, ...this.#frames.values()];
    for (const layers of all) {
      layers.open();
    }
    try {
      return work();
    } finally {
      for (const layers of all) {
        layers.close();
      }
    }
  }

  /** rrweb hooks the functions of a frame before this task ends. */
  frame(realm: Window): void {
    for (const known of this.#frames.keys()) {
      if (known.closed) {
        this.#frames.delete(known);
      }
    }
    const layers = this.#frames.get(realm) ?? this.#layersOf(realm as Realm);
    this.#frames.set(realm, layers);
    layers.open();
    queueMicrotask(() => {
      layers.close();
    });
  }

  end(): void {
    for (const layers of [this.#page, ...this.#frames.values()]) {
      layers.end();
    }
  }

  #layersOf(realm: Realm): Layers {
    const prototypeOf = (name: string): object | undefined =>
      (realm as unknown as Record<string, { prototype?: object } | undefined>)[name]?.prototype;
    const points: [object | undefined, readonly string[]][] = Object.entries(HOOKED).map(([name, properties]) => [
      prototypeOf(name),
      properties,
    ]);
    points.push([realm.customElements, ["define"]]);
    if (this.#recordsCanvas) {
      points.push([prototypeOf("HTMLCanvasElement"), ["getContext"]]);
      for (const prototype of CANVASES.map(prototypeOf)) {
        points.push([prototype, Object.getOwnPropertyNames(prototype ?? {}).filter((name) => name !== "constructor")]);
      }
    }
    return new Layers(points);
  }
}
