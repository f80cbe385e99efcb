// Layers over functions and properties of the page, below which hooks can be exchanged.
//
// rrweb assigns its hooks to the page's prototypes, and its end assigns the earlier values back. A tool that has hooked
// the same function in between would lose its hook: at each full snapshot (attachShadow), and at each new session. So
// rrweb works on the original functions, for an instant in which no other code runs; the page gets a layer that calls
// rrweb's hook while there is one. A layer that another tool has wrapped stays, and does nothing.

/** Functions that do their work by calling another hooked one: rrweb's version replaces them. */
const REPLACED: ReadonlySet<string> = new Set(["addRule", "removeRule"]);
const PARTS = ["value", "get", "set"] as const;

type Part = (typeof PARTS)[number];
type Call = (this: unknown, ...args: unknown[]) => unknown;

/** The latest error of a function of the page, which passed through a hook. */
let thrown: unknown;

/** Whether an error is the page's own, and not a hook's. */
export function isOfPage(error: unknown): boolean {
  return error !== undefined && error === thrown;
}

interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly isError: boolean;
}

/** One property of the page with an exchangeable hook. */
class Layer {
  readonly target: object;
  readonly name: string;
  /** The earlier property, inherited or not. */
  readonly found: PropertyDescriptor;
  /** The earlier property; undefined: the object inherits it. */
  readonly under: PropertyDescriptor | undefined;
  /** The property as a hook finds it: the earlier one, with a note of its outcome. */
  readonly base: PropertyDescriptor;
  /** The property as the page finds it. */
  readonly own: PropertyDescriptor;
  hook: PropertyDescriptor | undefined;
  /** The hook calls the base in any case, and throws nothing of its own. */
  isTrusted: boolean;
  isInstalled = false;
  #outcome: Outcome | undefined;

  constructor(target: object, name: string, found: PropertyDescriptor) {
    this.target = target;
    this.name = name;
    this.found = found;
    this.under = Object.getOwnPropertyDescriptor(target, name);
    this.isTrusted = REPLACED.has(name);
    this.base = wrapped(found, (call) => this.#noting(call));
    this.own = wrapped(found, (call, part) => this.#calling(call, part));
  }

  /** Returns the page's function: a hook's errors do not reach the page, and the page's own ones are not swallowed. */
  #calling(call: Call, part: Part): Call {
    return new Proxy(call, {
      apply: (target, self: unknown, args: unknown[]): unknown => {
        const hook = (this.hook as Partial<Record<Part, Call>> | undefined)?.[part];
        if (hook === undefined || this.isTrusted) {
          return Reflect.apply(hook ?? target, self, args);
        }
        const outer = this.#outcome;
        this.#outcome = undefined;
        try {
          Reflect.apply(hook, self, args);
        } catch {
          // Either the error of the base, which follows, or its own.
        }
        const outcome = this.#outcome as Outcome | undefined;
        this.#outcome = outer;
        if (outcome === undefined) {
          return Reflect.apply(target, self, args);
        }
        if (outcome.isError) {
          throw outcome.error;
        }
        return outcome.value;
      },
    });
  }

  #noting(call: Call): Call {
    return new Proxy(call, {
      apply: (target, self: unknown, args: unknown[]): unknown => {
        try {
          const value: unknown = Reflect.apply(target, self, args);
          this.#outcome = { value, isError: false };
          return value;
        } catch (error) {
          this.#outcome = { error, isError: true };
          thrown = error;
          throw error;
        }
      },
    });
  }
}

/** Installed layers of all recordings of this page, by object and property. */
const known = new WeakMap<object, Map<string, Layer>>();

/** Layers over the properties of some objects, for one recording. */
export class Layers {
  readonly #layers: Layer[];
  #present: (PropertyDescriptor | undefined)[] | undefined;

  /** @param points - Objects, and the names of their properties; absent ones are left out. */
  constructor(points: readonly (readonly [object | undefined, readonly string[]])[]) {
    this.#layers = points.flatMap(([target, names]) =>
      target === undefined ? [] : names.flatMap((name) => layerOf(target, name) ?? []),
    );
  }

  /** Number of properties that can be hooked. */
  get count(): number {
    return this.#layers.length;
  }

  /** Exposes the properties below the layers until `close`; no code of the page may run meanwhile. */
  open(): void {
    if (this.#present !== undefined) {
      return;
    }
    this.#present = this.#layers.map((layer) => {
      const present = Object.getOwnPropertyDescriptor(layer.target, layer.name);
      define(layer, layer.hook ?? layer.base);
      return present;
    });
  }

  /** Takes the values assigned since `open` as hooks; the page has its properties back. */
  close(): void {
    this.#layers.forEach((layer, index) => {
      const now = Object.getOwnPropertyDescriptor(layer.target, layer.name);
      layer.hook = now === undefined || isSame(now, layer.base) ? undefined : now;
      const isNew = layer.hook !== undefined && !layer.isInstalled;
      define(layer, isNew ? layer.own : this.#present?.[index]);
      if (isNew) {
        layer.isInstalled = true;
        layersOf(layer.target).set(layer.name, layer);
      }
    });
    this.#present = undefined;
  }

  /** Adds hooks of our own. */
  hook(hookOf: (original: PropertyDescriptor, name: string) => PropertyDescriptor): this {
    this.open();
    for (const layer of this.#layers) {
      layer.isTrusted = true;
      define(layer, { ...layer.base, ...hookOf(layer.base, layer.name) });
    }
    this.close();
    return this;
  }

  /** Ends all hooks, and removes the layers that no other tool has wrapped. */
  end(): void {
    for (const layer of this.#layers) {
      layer.hook = undefined;
      const now = Object.getOwnPropertyDescriptor(layer.target, layer.name);
      if (now !== undefined && isSame(now, layer.own)) {
        define(layer, layer.under);
        layer.isInstalled = false;
        layersOf(layer.target).delete(layer.name);
      }
    }
  }
}

/**
 * Returns the layer for a new recording. A present one is used again, since a hook of another tool above it calls it;
 * where another tool has restored the earlier property, there is a new one.
 */
function layerOf(target: object, name: string): Layer | undefined {
  let holder: object | null = target;
  let found: PropertyDescriptor | undefined;
  for (; holder !== null && found === undefined; holder = Object.getPrototypeOf(holder) as object | null) {
    found = Object.getOwnPropertyDescriptor(holder, name);
  }
  if (found?.configurable !== true || (found.set === undefined && typeof found.value !== "function")) {
    return undefined;
  }
  const layer = layersOf(target).get(name);
  return layer === undefined || isSame(found, layer.found) ? new Layer(target, name, found) : layer;
}

function layersOf(target: object): Map<string, Layer> {
  const layers = known.get(target) ?? new Map<string, Layer>();
  known.set(target, layers);
  return layers;
}

function wrapped(found: PropertyDescriptor, wrap: (call: Call, part: Part) => Call): PropertyDescriptor {
  const made: PropertyDescriptor = { ...found };
  for (const part of PARTS) {
    const call = (found as Partial<Record<Part, unknown>>)[part];
    if (typeof call === "function") {
      made[part] = wrap(call as Call, part) as never;
    }
  }
  return made;
}

/** Assigns a property; undefined: the object inherits it. */
function define({ target, name }: Layer, descriptor: PropertyDescriptor | undefined): void {
  if (descriptor === undefined) {
    Reflect.deleteProperty(target, name);
  } else {
    Object.defineProperty(target, name, descriptor);
  }
}

function isSame(first: PropertyDescriptor, second: PropertyDescriptor): boolean {
  return first.value === second.value && first.set === second.set && first.get === second.get;
}
