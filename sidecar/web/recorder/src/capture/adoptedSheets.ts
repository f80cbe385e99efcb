// Changes of `adoptedStyleSheets`. rrweb sees an assignment, but not that the array is changed in place (push, splice),
// nor that it is emptied, and it defines the property on each document and shadow root, which hides other tools' hooks.
//
// Arrays cannot be observed. They can only be changed by code that has read them, so those that are read are compared
// with the latest report, at an interval.
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { Layers } from "./layers";

type Root = Document | ShadowRoot;
type SetSheets = (sheets: readonly CSSStyleSheet[]) => void;
type Realm = Window & typeof globalThis;

const NAME = "adoptedStyleSheets";
/** Interval of comparisons, in milliseconds. */
const COMPARE_MS = 500;
/** Number of roots that are compared; of more, the ones that were read last. */
const MAX_ROOTS = 2_000;

/** Watches documents and shadow roots until `end`. */
export class AdoptedSheets {
  readonly #emit: (event: eventWithTime) => void;
  readonly #idOf: (node: Node) => number;
  readonly #layers: Layers[] = [];
  /** Roots with an array that was read in this task. */
  readonly #fresh = new Set<Root>();
  /** Roots with an array that was read, and its sheets when they were reported last. */
  readonly #roots = new Map<Root, readonly CSSStyleSheet[]>();
  /** rrweb's setters, which report an assignment. */
  readonly #reports = new WeakMap<Root, SetSheets>();
  readonly #soon: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Reads and assignments are this recorder's own. */
  #isOwn = false;

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
    this.#soon = wrap(() => {
      this.#compare([...this.#fresh]);
      this.#fresh.clear();
    });
    this.#timer = setInterval(
      wrap(() => {
        this.#compare([...this.#roots.keys()]);
      }),
      COMPARE_MS,
    );
    this.watch(window);
  }

  /** Watches a window; before rrweb does. */
  watch(realm: Realm): void {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the hooks have the page's own `this`
    const sheets = this;
    const targets = [realm.Document, realm.ShadowRoot] as (typeof Document | undefined)[];
    const layers = new Layers(targets.map((target) => [target?.prototype, [NAME]] as const));
    this.#layers.push(
      layers.hook((original) => ({
        get(this: Root): unknown {
          if (!sheets.#isOwn) {
            sheets.#read(this);
          }
          return original.get?.call(this);
        },
        set(this: Root, value: unknown): void {
          if (!sheets.#isOwn) {
            original.set?.call(this, value);
            sheets.#read(this);
          }
        },
      })),
    );
  }

  /** Takes the property that rrweb has defined on a root. */
  take(root: Root): void {
    const own = Object.getOwnPropertyDescriptor(root, NAME);
    if (own?.set === undefined || !Reflect.deleteProperty(root, NAME)) {
      return;
    }
    this.#reports.set(root, (sheets) => own.set?.call(root, sheets));
    const sheets = this.#sheetsOf(root);
    if (sheets.length > 0) {
      this.#roots.set(root, sheets); // rrweb has just reported them
    }
  }

  end(): void {
    clearInterval(this.#timer);
    for (const root of [document, ...this.#roots.keys()]) {
      this.take(root);
    }
    for (const layers of this.#layers) {
      layers.end();
    }
  }

  #read(root: Root): void {
    const reported = this.#roots.get(root) ?? [];
    this.#roots.delete(root);
    this.#roots.set(root, reported);
    this.#fresh.add(root);
    // rrweb reads the array of a new shadow root right before it defines the property.
    queueMicrotask(() => {
      this.take(root);
    });
    if (this.#fresh.size === 1) {
      setTimeout(this.#soon, 0);
    }
  }

  /** Reports the arrays that have changed. */
  #compare(roots: readonly Root[]): void {
    for (const root of [...this.#roots.keys()].slice(0, -MAX_ROOTS)) {
      this.#roots.delete(root);
    }
    for (const root of roots) {
      const { host } = root as Partial<ShadowRoot>;
      const id = this.#idOf(host ?? root);
      if (id <= 0) {
        if (host?.isConnected !== true) {
          this.#roots.delete(root);
        }
        continue;
      }
      const sheets = this.#sheetsOf(root);
      const reported = this.#roots.get(root) ?? [];
      if (sheets.length !== reported.length || sheets.some((sheet, index) => sheet !== reported[index])) {
        this.#roots.set(root, sheets);
        this.#report(root, id, sheets);
      }
    }
  }

  #report(root: Root, id: number, sheets: readonly CSSStyleSheet[]): void {
    if (sheets.length === 0) {
      this.#emit({
        type: EventType.IncrementalSnapshot,
        data: { source: IncrementalSource.AdoptedStyleSheet, id, styleIds: [] },
        timestamp: Date.now(),
      });
      return;
    }
    this.#own(() => this.#reports.get(root)?.(sheets));
  }

  #sheetsOf(root: Root): CSSStyleSheet[] {
    return this.#own(() => [...root[NAME]]);
  }

  #own<T>(work: () => T): T {
    this.#isOwn = true;
    try {
      return work();
    } finally {
      this.#isOwn = false;
    }
  }
}
