// Wrappers around methods of the page's objects.

/**
 * Calls `after` after each call of a method; returns the function that ends this. The wrapper is removed only where it
 * is still in its place: another tool may have wrapped it. Throws where the method cannot be replaced.
 */
export function callAfter<T extends object>(target: T, name: keyof T & string, after: () => void): () => void {
  const owned = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name] as (...args: unknown[]) => unknown;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const result = original.apply(this, args);
    after();
    return result;
  };
  const slot = target as Record<string, unknown>;
  slot[name] = wrapped;
  return () => {
    if (slot[name] !== wrapped) {
      return;
    }
    if (owned === undefined) {
      Reflect.deleteProperty(target, name);
    } else {
      slot[name] = original;
    }
  };
}
