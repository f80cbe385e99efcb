import { afterEach, expect, test } from "vitest";
import { stringifyWith } from "../../src/support/stringify";

const arrays = Array.prototype as { toJSON?: unknown };
const objects = Object.prototype as { toJSON?: unknown };

afterEach(clean);

function clean(): void {
  delete arrays.toJSON;
  delete objects.toJSON;
}

/** Returns JSON that is written while the page's arrays and objects have a `toJSON`, which expect() could not stand. */
function written(value: unknown, replacer?: unknown): string | undefined {
  arrays.toJSON = () => "[array]";
  objects.toJSON = () => "[object]";
  try {
    return stringifyWith(JSON.stringify as Parameters<typeof stringifyWith>[0], value, replacer);
  } finally {
    clean();
  }
}

const VALUES: unknown[] = [
  null,
  undefined,
  'é "quoted" \u2028 \ud800',
  1.5,
  NaN,
  [1, [undefined, () => 1, null], { a: undefined, b: [], c: {} }],
  { type: 2, data: { node: { childNodes: [{ id: 1 }] } }, when: new Date(0), 'a"b': true },
];

test.each(VALUES)("with a toJSON for all arrays and objects, JSON is as without one", (value) => {
  const plain = JSON.stringify(value);
  expect(written(value)).toBe(plain);
});

test("a toJSON of the value's own kind is called, and a replacer as well", () => {
  const replacer = (key: string, value: unknown): unknown => (key === "secret" ? "***" : value);
  const value = { secret: "x", inner: [{ secret: "y" }], own: { toJSON: (key: string) => `own ${key}` } };
  const plain = JSON.stringify(value, replacer);
  expect(written(value, replacer)).toBe(plain);
});

test("a value without a JSON form throws, as ever", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  expect(() => written(circle)).toThrow();
  expect(() => written([1n])).toThrow(TypeError);
});
