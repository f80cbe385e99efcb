// Parts of the recorder that a page can break. Each starts guarded: without it, the recording goes on.

type Listener = (part: string, error: unknown) => void;

let listener: Listener = () => undefined;

/** Sets the function that is called with each part that is lost. */
export function onLostPart(then: Listener): void {
  listener = then;
}

/** Reports a part that does not work in this page. */
export function losePart(part: string, error: unknown): void {
  listener(part, error);
}

/** Starts a part; returns `instead` where that fails. */
export function startPart<T>(part: string, start: () => T, instead: T): T {
  try {
    return start();
  } catch (error) {
    listener(part, error);
    return instead;
  }
}
