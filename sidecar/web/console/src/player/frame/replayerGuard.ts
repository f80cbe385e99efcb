// Keeps an exception at one event from ending the others: one in the Replayer's timer would freeze the picture, one in a
// seek would leave half of it. Its methods are replaced on the instance; their names are those of 2.1.6, and its
// published types do not have them.
import type { Replayer } from "@rrweb/replay";
import type { eventWithTime } from "@rrweb/types";

type Method = (...args: unknown[]) => unknown;

interface Inside {
  applyIncremental: Method;
  applyMutation: Method;
  rebuildFullSnapshot: Method;
  warn: Method;
  timer: { actions: { delay: number }[]; findActionIndex: (action: { delay: number }) => number };
}

/** Methods that are called with the data of events: at once, from a timer, or when a seek has come to its moment. */
const PARTS = [
  "applyStyleSheetMutation",
  "applyStyleSheetRule",
  "applyStyleDeclaration",
  "applyAdoptedStyleSheet",
  "applyScroll",
  "moveAndHover",
] as const;

/**
 * Catches exceptions of a Replayer for each event. After a snapshot that cannot be built, it goes on with the next one.
 *
 * @param onFault Called with the event that could not be shown, or not entirely; null: it is not known which.
 */
export function guardReplayer(replayer: Replayer, onFault: (event: eventWithTime | null) => void): void {
  const inside = replayer as unknown as Inside & Record<(typeof PARTS)[number], Method>;
  let current: eventWithTime | null = null;
  let isLost = false;
  const byData = new WeakMap<object, eventWithTime>();
  const fault = (args: readonly unknown[]): void => {
    const data = args.find((arg): arg is object => typeof arg === "object" && arg !== null);
    onFault(current ?? (data === undefined ? null : (byData.get(data) ?? null)));
  };
  const guarded = (method: Method, onError: (args: readonly unknown[]) => void): Method => {
    return (...args) => {
      try {
        return method.apply(replayer, args);
      } catch {
        onError(args);
        return undefined;
      }
    };
  };
  const during = (method: Method): Method => {
    return (...args) => {
      current = args[0] as eventWithTime;
      byData.set(current.data as object, current);
      try {
        return method(...args);
      } finally {
        current = null;
      }
    };
  };

  const applyIncremental = during(guarded(inside.applyIncremental.bind(replayer), fault));
  inside.applyIncremental = (...args) => (isLost ? undefined : applyIncremental(...args));
  const rebuild = during(
    guarded(inside.rebuildFullSnapshot.bind(replayer), (args) => {
      isLost = true;
      fault(args);
    }),
  );
  inside.rebuildFullSnapshot = (...args) => {
    isLost = false;
    return rebuild(...args);
  };
  // applyIncremental itself catches its exceptions without a report.
  inside.applyMutation = guarded(inside.applyMutation.bind(replayer), fault);
  for (const name of PARTS) {
    inside[name] = guarded(inside[name].bind(replayer), fault);
  }
  // An exception of its own that it only warns of, as when the page is brought up to a moment.
  const warn = inside.warn.bind(replayer);
  inside.warn = (...args) => {
    if (args[0] instanceof Error) {
      fault(args);
    }
    return warn(...args);
  };
  // Actions of one moment stay in their order; the Replayer's own search puts an added one anywhere among them.
  inside.timer.findActionIndex = ({ delay }) => {
    const { actions } = inside.timer;
    let [start, end] = [0, actions.length];
    while (start < end) {
      const middle = (start + end) >> 1;
      if ((actions[middle]?.delay ?? Infinity) <= delay) {
        start = middle + 1;
      } else {
        end = middle;
      }
    }
    return start;
  };
}
