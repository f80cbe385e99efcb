// JSON.stringify that does not call the `toJSON` that Prototype.js and its kind give to every array.

type NativeStringify = (value: unknown, replacer?: unknown, space?: unknown) => string | undefined;
type Replacer = (this: unknown, key: string, value: unknown) => unknown;

// The prototypes of literals, also where the page has replaced `Array` and `Object`. (realm.ts, where the build's `Object`
// comes from, is not evaluated yet.)
const { getPrototypeOf } = globalThis.Object;
const arrayPrototype = getPrototypeOf([]) as { toJSON?: unknown };
const objectPrototype = getPrototypeOf({}) as { toJSON?: unknown };

/** Returns JSON as JSON.stringify does; the browser's own function writes it, unless the page has a `toJSON` for all. */
export function stringifyWith(
  native: NativeStringify,
  value: unknown,
  replacer?: unknown,
  space?: unknown,
): string | undefined {
  if (arrayPrototype.toJSON === undefined && objectPrototype.toJSON === undefined) {
    return native(value, replacer, space);
  }
  return write({ "": value }, "", typeof replacer === "function" ? (replacer as Replacer) : undefined, native);
}

function write(
  holder: object,
  key: string,
  replacer: Replacer | undefined,
  native: NativeStringify,
): string | undefined {
  let value = (holder as Record<string, unknown>)[key];
  if (typeof value === "object" && value !== null) {
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function" && toJSON !== arrayPrototype.toJSON && toJSON !== objectPrototype.toJSON) {
      value = (toJSON as Replacer).call(value, key as never, undefined);
    }
  }
  if (replacer !== undefined) {
    value = replacer.call(holder, key, value);
  }
  if (typeof value === "bigint") {
    throw new TypeError("a BigInt has no JSON");
  }
  if (typeof value === "function") {
    return undefined; // JSON.stringify would call the toJSON that it inherits
  }
  if (typeof value !== "object" || value === null) {
    return native(value);
  }
  let text = "";
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      text += `${index === 0 ? "" : ","}${write(value, `${index}`, replacer, native) ?? "null"}`;
    }
    return `[${text}]`;
  }
  for (const name of Object.keys(value)) {
    const item = write(value, name, replacer, native);
    if (item !== undefined) {
      text += `${text === "" ? "" : ","}${native(name) ?? ""}:${item}`;
    }
  }
  return `{${text}}`;
}
