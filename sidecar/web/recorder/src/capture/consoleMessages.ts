// Console messages, uncaught errors and rejections, as rrweb's console plugin writes them (rrweb/console@1).
//
// That plugin replaces the functions of the page's console, and its end removes those of other tools; an argument that
// throws makes it write an error of its own to the page's console.
import type { RecordPlugin } from "@rrweb/types";
import type { ErrorBoundary } from "../support/errorBoundary";
import { isQuiet } from "../support/quiet";
import { Layers } from "./layers";
import { plainValue } from "./plainValue";

const NAME = "rrweb/console@1";
const LEVELS = [
  ...["assert", "clear", "count", "countReset", "debug", "dir", "dirxml", "error", "group", "groupCollapsed"],
  ...["groupEnd", "info", "log", "table", "time", "timeEnd", "timeLog", "trace", "warn"],
];
/** Number of messages per page and recording; a last one reports that there are more. */
const MAX_MESSAGES = 1_000;
/** Arguments per message. */
const MAX_ARGUMENTS = 50;
/** Functions of the recorder between the page's call and `new Error()`: a layer, and the hook. */
const OWN_CALLS = 2;

type Call = (...args: unknown[]) => unknown;

/** Returns the plugin. */
export function consolePlugin(boundary: ErrorBoundary): RecordPlugin {
  return {
    name: NAME,
    options: {},
    observer: (callback, win) => {
      let count = 0;
      let isBusy = false;
      const report = (level: string, trace: string[], args: readonly unknown[]): void => {
        count += 1;
        if (count < MAX_MESSAGES) {
          callback({ level, trace, payload: args.slice(0, MAX_ARGUMENTS).map(textOf) });
        } else if (count === MAX_MESSAGES) {
          callback({ level: "warn", trace: [], payload: [textOf("The number of log records reached the threshold.")] });
        }
      };
      const called = boundary.wrap((level: string, stack: string | undefined, args: readonly unknown[]) => {
        if (level !== "assert") {
          report(level, traceOf(stack).slice(OWN_CALLS), args);
        } else if (!args[0]) {
          report(level, traceOf(stack).slice(OWN_CALLS), args.slice(1));
        }
      });
      const { console: present } = win;
      const layers = new Layers([[present, LEVELS]]).hook((original, level) => ({
        value(this: unknown, ...args: unknown[]): unknown {
          const result: unknown = Reflect.apply(original.value as Call, this, args);
          // An argument's getter may write messages as well.
          if (!isBusy && !isQuiet()) {
            isBusy = true;
            called(level, new Error().stack, args);
            isBusy = false;
          }
          return result;
        },
      }));
      const onError = boundary.wrap(({ message, error }: ErrorEvent) => {
        report("error", traceOf(stackOf(error)), [message]);
      });
      const onRejection = boundary.wrap(({ reason }: PromiseRejectionEvent) => {
        const words = errorWords(reason);
        const args = words === undefined ? ["Uncaught (in promise)", reason] : [`Uncaught (in promise) ${words}`];
        report("error", traceOf(stackOf(reason)), args);
      });
      win.addEventListener("error", onError);
      win.addEventListener("unhandledrejection", onRejection);
      return () => {
        layers.end();
        win.removeEventListener("error", onError);
        win.removeEventListener("unhandledrejection", onRejection);
      };
    },
  };
}

function textOf(value: unknown): string {
  return JSON.stringify(plainValue(value));
}

function stackOf(error: unknown): string | undefined {
  try {
    const { stack } = error as { stack: unknown };
    return typeof stack === "string" ? stack : undefined;
  } catch {
    return undefined;
  }
}

/** Returns an error's name and message; undefined: it is not an error, or cannot be read. */
function errorWords(error: unknown): string | undefined {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the calls of a stack: "name (file:line:column)", of Chromium's "at name (...)" or of "name@...". */
function traceOf(stack: string | undefined): string[] {
  const trace: string[] = [];
  for (const line of stack?.split("\n") ?? []) {
    const [, name = "", place] =
      /^\s*at (?:(.*?) \()?(?:async )?(\S+:\d+:\d+)\)?$/.exec(line) ?? /^(.*?)@(\S+:\d+:\d+)$/.exec(line) ?? [];
    if (place !== undefined) {
      trace.push(name === "" ? place : `${name} (${place})`);
    }
  }
  return trace;
}
