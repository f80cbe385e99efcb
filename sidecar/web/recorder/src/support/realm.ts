// The browser's own functions, also in a page that has changed them: docs/adr/0020-a-pristine-realm-for-the-recorder.md.
//
// The build replaces the globals of all modules, rrweb's included, by the exports of this one (vite.config.ts). They
// are taken when the script is loaded: later changes of the page do not reach them. Where the page has changed them
// before, JavaScript's own ones come from an empty frame, which is removed again at once. Functions that need a living
// window (timers, requests) stay the page's. Tests run without the build, on the globals.
import { stringifyWith } from "./stringify";

/* eslint-disable @typescript-eslint/unbound-method -- functions are taken from their objects, and called with others */

type Page = typeof globalThis & Record<string, unknown>;

const page = globalThis as Page;

/** The constructors and namespaces of JavaScript that the recorder and its libraries use. */
const INTRINSICS = ["Array", "Object", "Map", "Set", "WeakMap", "JSON", "Math", "Date", "Number", "Reflect"] as const;
/** Those with methods that are checked as well: methods of arrays are the page's in any case, as literals are. */
const WITH_METHODS: Readonly<Record<string, boolean>> = { Map: true, Set: true, WeakMap: true, Date: true };

const print = page.Function.prototype.toString;

/** Whether functions print as they are: one with a `prototype` of its own is not the browser's (zone.js's hides itself). */
const canPrint = !hasOwn(print, "prototype");

function hasOwn(value: object, name: string): boolean {
  return page.Object.getOwnPropertyDescriptor(value, name) !== undefined;
}

/** Whether a value is a function of the browser, as far as a page can know. */
export function isNative(value: unknown): boolean {
  try {
    return canPrint && typeof value === "function" && print.call(value).includes("[native code]");
  } catch {
    return false;
  }
}

/** A frame of this page with a window of its own, which the page's scripts have not seen. */
export interface Frame {
  readonly window: Page;
  readonly isOpen: boolean;
  close(): void;
}

/**
 * Opens an empty frame; undefined: the page does not allow it.
 *
 * It lies in a script element: rrweb ignores those and their contents, and nothing of it is shown. The element is to be
 * in the document before the frame, for an observer that runs already.
 */
export function openFrame(host: Element | undefined = frameHost()): Frame | undefined {
  try {
    const frame = document.createElement("iframe");
    host?.appendChild(frame);
    const inner = frame.contentWindow as (Window & Page) | null;
    if (host === undefined || inner?.Array === undefined || inner.Array === page.Array) {
      host?.remove();
      return undefined;
    }
    return {
      window: inner,
      get isOpen() {
        return frame.isConnected && frame.contentWindow === inner;
      },
      close() {
        host.remove();
      },
    };
  } catch {
    return undefined;
  }
}

/** Adds an element that a frame can be opened in; undefined: the page does not allow it. */
export function frameHost(): Element | undefined {
  try {
    const host = document.createElement("script");
    host.type = "text/plain";
    document.documentElement.appendChild(host);
    return host;
  } catch {
    return undefined;
  }
}

function isChanged(): boolean {
  try {
    const names = INTRINSICS.flatMap((name) => {
      const value = page[name] as object;
      const methods = WITH_METHODS[name] === true ? functionsOf((value as { prototype: object }).prototype) : [];
      return [...functionsOf(value), ...methods, ...(typeof value === "function" ? [value] : [])];
    });
    const works =
      page.Array.from(new page.Set([1]), (item) => item + 1)[0] === 2 &&
      (page.JSON.parse('{"a":[1]}') as { a: number[] }).a[0] === 1 &&
      page.JSON.stringify("a") === '"a"' &&
      page.Date.now() > 1e12;
    const observer = page.MutationObserver.prototype;
    const listeners = page.EventTarget.prototype;
    const others = [page.MutationObserver, observer.observe, observer.disconnect, listeners.addEventListener];
    return !works || ![...names, ...others].every(isNative);
  } catch {
    return true;
  }
}

function functionsOf(value: object): unknown[] {
  return page.Object.getOwnPropertyNames(value)
    .filter((name) => name !== "prototype" && name !== "constructor")
    .map((name) => page.Object.getOwnPropertyDescriptor(value, name)?.value as unknown)
    .filter((each) => typeof each === "function");
}

/** The functions of the page's Zone.js that it has replaced: the recorder's work is not one of the page's tasks. */
function unzoned(name: string): unknown {
  return page["Zone"] === undefined ? undefined : page[`__zone_symbol__${name}`];
}

/** Returns a function of the page's window, which can be called without it. */
function windowFunction<Name extends keyof Page>(name: Name & string): Page[Name] {
  const found = unzoned(name) ?? page[name];
  return (typeof found === "function" ? found.bind(page) : undefined) as Page[Name];
}

const isBrowser = typeof document !== "undefined";
const frame = isBrowser && isChanged() ? openFrame() : undefined;
const source = frame?.window ?? page;

/** Whether the page has changed these functions, and allows no frame to take them from instead. */
export const isUnclean: boolean = isBrowser && frame === undefined && isChanged();

const eventTarget = (isNative(page.EventTarget.prototype.addEventListener) ? page : source).EventTarget.prototype;
const { addEventListener, removeEventListener } = eventTarget;

const pageObserver = page.MutationObserver as typeof MutationObserver | undefined;
const cleanObserver =
  isNative(pageObserver) && isNative(pageObserver?.prototype.observe)
    ? pageObserver
    : (frame?.window.MutationObserver ?? pageObserver);
const observe = cleanObserver?.prototype.observe;

frame?.close();

/** Array.from of a page that allows no frame, and has another function of that name. */
function arrayFrom<T, U>(items: Iterable<T> | ArrayLike<T>, map?: (item: T, index: number) => U): (T | U)[] {
  const found: (T | U)[] = [];
  const add = (item: T): void => {
    found.push(map === undefined ? item : map(item, found.length));
  };
  if (typeof (items as Iterable<T>)[Symbol.iterator] === "function") {
    for (const item of items as Iterable<T>) {
      add(item);
    }
  } else {
    const { length } = items as ArrayLike<T>;
    for (let index = 0; index < length; index += 1) {
      add((items as ArrayLike<T>)[index] as T);
    }
  }
  return found;
}

function arrayClass(): typeof Array {
  class OwnArray extends page.Array<unknown> {
    static override from = arrayFrom as typeof Array.from;
    static override [Symbol.hasInstance](value: unknown): boolean {
      return page.Array.isArray(value);
    }
  }
  return OwnArray as unknown as typeof Array;
}

const nativeStringify = source.JSON.stringify.bind(source.JSON) as (value: unknown, replacer?: unknown) => string;

/** JSON without the `toJSON` that some pages give to all arrays or objects. */
const cleanJson = {
  parse: source.JSON.parse.bind(source.JSON),
  stringify: (value: unknown, replacer?: unknown, space?: unknown): string | undefined =>
    stringifyWith(nativeStringify, value, replacer, space),
};

/** The intrinsic one: `window.Promise` may be another. */
// eslint-disable-next-line @typescript-eslint/require-await -- only the class of its result counts
const NativePromise = (async () => undefined)().constructor as PromiseConstructor;

/**
 * Returns a constructor or namespace with the functions that it has now: a page may give it others later, such as
 * MooTools its `Array.from`.
 */
function kept<T extends object>(original: T): T {
  const { apply, construct } = source.Reflect;
  const { prototype } = original as { prototype?: unknown };
  const made = function (...values: unknown[]): unknown {
    const target = new.target as unknown;
    if (target === undefined) {
      return apply(original as never, undefined, values);
    }
    return construct(original as never, values, (target === made ? original : target) as never);
  };
  const copy = typeof original === "function" ? made : {};
  for (const name of source.Reflect.ownKeys(original)) {
    if (name !== "prototype" && name !== "length" && name !== "name") {
      const value = source.Object.getOwnPropertyDescriptor(original, name)?.value as unknown;
      source.Object.defineProperty(copy, name, { value, configurable: true });
    }
  }
  if (prototype !== undefined) {
    (copy as { prototype: unknown }).prototype = prototype;
  }
  return copy as T;
}

const cleanArray = isUnclean ? arrayClass() : kept(source.Array);
const { Map: cleanMap, Set: cleanSet, WeakMap: cleanWeakMap } = source;
const [cleanObject, cleanMath, cleanDate] = [kept(source.Object), kept(source.Math), kept(source.Date)];
const [cleanNumber, cleanReflect] = [kept(source.Number), kept(source.Reflect)];
export {
  cleanArray as Array,
  cleanDate as Date,
  cleanJson as JSON,
  cleanMap as Map,
  cleanMath as Math,
  cleanNumber as Number,
  cleanObject as Object,
  cleanObserver as MutationObserver,
  cleanReflect as Reflect,
  cleanSet as Set,
  cleanWeakMap as WeakMap,
  NativePromise as Promise,
};

const pageSetTimeout = windowFunction("setTimeout");
const pageClearTimeout = windowFunction("clearTimeout");
const pageSetInterval = windowFunction("setInterval");
const pageClearInterval = windowFunction("clearInterval");
const pageMicrotask = windowFunction("queueMicrotask");
const pageIdle = windowFunction("requestIdleCallback");
const pageFrame = windowFunction("requestAnimationFrame");
const pageFetch = windowFunction("fetch");
const pageToken = windowFunction("atob");
const pageBtoa = windowFunction("btoa");
const PageSocket = (unzoned("WebSocket") ?? page.WebSocket) as typeof WebSocket;
const { CompressionStream: PageCompression, DecompressionStream: PageDecompression, ResizeObserver: PageResize } = page;
const { TextEncoder: PageEncoder, TextDecoder: PageDecoder, Blob: PageBlob, Response: PageResponse } = page;
const { AbortController: PageAbort, Uint8Array: PageBytes, URL: PageUrl } = page;
export {
  PageAbort as AbortController,
  PageBlob as Blob,
  PageBytes as Uint8Array,
  PageCompression as CompressionStream,
  PageDecoder as TextDecoder,
  PageDecompression as DecompressionStream,
  PageEncoder as TextEncoder,
  PageResize as ResizeObserver,
  PageResponse as Response,
  PageSocket as WebSocket,
  PageUrl as URL,
  pageBtoa as btoa,
  pageClearInterval as clearInterval,
  pageClearTimeout as clearTimeout,
  pageFetch as fetch,
  pageFrame as requestAnimationFrame,
  pageIdle as requestIdleCallback,
  pageMicrotask as queueMicrotask,
  pageSetInterval as setInterval,
  pageSetTimeout as setTimeout,
  pageToken as atob,
};

/** Whether the page's `fetch` is its own function. Such a function mostly works. */
export const isFetchReplaced: boolean = isBrowser && !isNative(unzoned("fetch") ?? page.fetch);

let isDistrusted = false;

/** rrweb's observer was not called, although the page has changed: the next one is another frame's. */
export function distrustObserver(): void {
  isDistrusted = true;
}

/** Returns the class of rrweb's observers; undefined: it finds one by itself. */
export function observerClass(): typeof MutationObserver | undefined {
  if (!isDistrusted && observe !== undefined && cleanObserver?.prototype.observe === observe) {
    return cleanObserver;
  }
  const other = openFrame();
  const found = other?.window.MutationObserver;
  other?.close();
  return found;
}

/** Listens to an event; returns the unsubscriber. */
export function listen(
  target: EventTarget,
  name: string,
  listener: (event: never) => void,
  options?: AddEventListenerOptions,
): () => void {
  const wanted = listener as (event: Event) => void;
  try {
    addEventListener.call(target, name, wanted, options);
    return () => {
      removeEventListener.call(target, name, wanted, options);
    };
  } catch {
    // A target of another kind, such as the page's own class.
    target.addEventListener(name, wanted, options);
    return () => {
      target.removeEventListener(name, wanted, options);
    };
  }
}
