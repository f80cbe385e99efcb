// Arguments of console messages as values that can be written as JSON: bounded, and without code of the page in them.
// They may be anything: cyclic, of many megabytes, with getters and a toJSON that throw, or proxies that refuse all.

/** Characters per argument. */
const MAX_CHARS = 10_000;
/** Characters of a function's source, and of an element's HTML. */
const MAX_CODE_CHARS = 1_000;
/** Nesting of objects. */
const MAX_DEPTH = 4;
/** Properties per object, and items per list. */
const MAX_ITEMS = 50;
/** Values per argument. */
const MAX_VALUES = 1_000;

/** Returns a value that JSON can represent, in the same form as far as the bounds allow. Never throws. */
export function plainValue(value: unknown): unknown {
  return new Copy().of(value, []);
}

class Copy {
  #chars = MAX_CHARS;
  #values = MAX_VALUES;

  of(value: unknown, outer: readonly object[]): unknown {
    this.#values -= 1;
    try {
      switch (typeof value) {
        case "string":
          return this.#text(value, MAX_CHARS);
        case "symbol":
          return String(value);
        case "bigint":
          return `${value}n`;
        case "undefined":
          return "undefined";
        case "function":
          return this.#text(Function.prototype.toString.call(value), MAX_CODE_CHARS);
        case "object":
          return value === null ? null : this.#object(value, outer);
        default:
          return value;
      }
    } catch (error) {
      return `[unreadable: ${wordsOf(error)}]`;
    }
  }

  #text(text: string, most: number): string {
    const length = Math.max(0, Math.min(most, this.#chars));
    this.#chars -= Math.min(text.length, length);
    return text.length > length ? `${text.slice(0, length)}… (${text.length} characters)` : text;
  }

  #object(value: object, outer: readonly object[]): unknown {
    if (outer.includes(value)) {
      return "[Circular]";
    }
    if (value instanceof Error) {
      const text = typeof value.stack === "string" ? value.stack : `${value.name}: ${value.message}`;
      return this.#text(`${text}\nEnd of stack for Error object`, MAX_CHARS);
    }
    if (value instanceof Node) {
      return this.#text(value instanceof HTMLElement ? value.outerHTML : value.nodeName, MAX_CODE_CHARS);
    }
    const within = [...outer, value];
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") {
      const json: unknown = Reflect.apply(toJSON, value, []);
      return json === value ? this.#members(value, within) : this.of(json, within);
    }
    return this.#members(value, within);
  }

  #members(value: object, within: readonly object[]): unknown {
    const isList = Array.isArray(value);
    if (within.length > MAX_DEPTH) {
      return isList ? `[${value.length} items]` : "[object Object]";
    }
    if (isList) {
      const items = value.slice(0, Math.min(MAX_ITEMS, this.#values)).map((item) => this.of(item, within));
      return items.length < value.length ? [...items, `… ${value.length - items.length} more`] : items;
    }
    const names = Object.keys(value instanceof Event ? (Object.getPrototypeOf(value) as object) : value);
    const copied: Record<string, unknown> = {};
    let count = 0;
    for (const name of names) {
      if (count >= MAX_ITEMS || this.#values <= 0) {
        copied["…"] = `${names.length - count} more`;
        break;
      }
      count += 1;
      copied[this.#text(name, MAX_CODE_CHARS)] = this.#property(value as Record<string, unknown>, name, within);
    }
    return copied;
  }

  #property(value: Record<string, unknown>, name: string, within: readonly object[]): unknown {
    let member: unknown;
    try {
      member = value[name];
    } catch (error) {
      return `[unreadable: ${wordsOf(error)}]`;
    }
    return this.of(member, within);
  }
}

function wordsOf(error: unknown): string {
  try {
    return String(error).slice(0, 200);
  } catch {
    return "an error without words";
  }
}
