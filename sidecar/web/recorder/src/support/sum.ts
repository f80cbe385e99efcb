// A sum, without Array.prototype.reduce: Prototype.js 1.6 has another function of that name.

/** Returns the sum of a number of each item. */
export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) {
    total += of(item);
  }
  return total;
}
