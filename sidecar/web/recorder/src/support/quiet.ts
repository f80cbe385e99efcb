// The recorder's own messages on the console: they are not the page's, and not recorded.

let depth = 0;

/** Whether a message is the recorder's own. */
export function isQuiet(): boolean {
  return depth > 0;
}

/** Runs `work`; its console messages are not recorded. */
export function quietly(work: () => void): void {
  depth += 1;
  try {
    work();
  } finally {
    depth -= 1;
  }
}
