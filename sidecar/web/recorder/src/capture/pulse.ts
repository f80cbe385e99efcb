// Signs of life of rrweb's observer of the page's changes; recorder/patches.ts calls `beat` from rrweb.

let count = 0;

/** The observer was called, also where its records are about nothing that is recorded. */
export function beat(): void {
  count += 1;
}

/** Returns the number of calls. */
export function beats(): number {
  return count;
}
