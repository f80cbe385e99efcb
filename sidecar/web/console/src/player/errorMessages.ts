// Messages of errors, as the server has them: a console's arguments, each as a text of JSON, joined by spaces. Pure.

/** An argument that is a string, whole or cut off at the end. */
const STRINGS = /(^|\s)"((?:[^"\\]|\\.)*)("(?=\s|$)|$)/g;

/** Lines of a stack, in the form of any browser, and rrweb's last line. */
const CALL = /^\s*at\s|^\S*@\S+:\d+:\d+$|^End of stack for Error object$/;

/** Words of browsers and consoles before the name of an uncaught error. */
const UNCAUGHT = /^(?:uncaught(?: \(in promise\))?|unhandled (?:promise )?rejection):?\s+/i;

/** The name of an error's class, such as "TypeError: ". */
const CLASS = /^(?:[\w$.]*(?:Error|Exception)): /;

/** Time in which a page may write an error to its console before or after it is uncaught, in milliseconds. */
const SAME_ERROR_MS = 1_000;

/** Returns the message of an error without JSON's quotes and without its stack. */
export function plainMessage(detail: string): string {
  const words = detail.replace(STRINGS, (_whole: string, before: string, inner: string) => {
    try {
      return `${before}${String(JSON.parse(`"${inner}"`))}`;
    } catch {
      return `${before}${inner}`;
    }
  });
  return words
    .split(/\r?\n/)
    .filter((line) => !CALL.test(line))
    .join(" ")
    .trim();
}

/** A message, and when it was written. */
export interface ErrorMessage {
  timeMs: number;
  message: string;
}

/** Whether two messages are of one error that repeats, or that was uncaught and written to the console as well. */
export function isSameError(one: ErrorMessage, other: ErrorMessage): boolean {
  const [a, b] = [one.message.replace(UNCAUGHT, ""), other.message.replace(UNCAUGHT, "")];
  if (a === b || a.replace(CLASS, "") === b || a === b.replace(CLASS, "")) {
    return true;
  }
  const isWrittenToo = Math.abs(one.timeMs - other.timeMs) <= SAME_ERROR_MS;
  return isWrittenToo && (isEnd(a, other.message) || isEnd(b, one.message));
}

/** Whether an uncaught error is the end of a longer message, such as "Payment failed: Error: no answer". */
function isEnd(message: string, uncaught: string): boolean {
  const error = uncaught.replace(UNCAUGHT, "");
  return error !== uncaught && CLASS.test(error) && message.endsWith(` ${error}`);
}
