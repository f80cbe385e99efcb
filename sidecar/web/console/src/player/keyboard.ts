// Keyboard commands of the player. Pure: maps a key to an order.

export type Order =
  | { kind: "toggle" }
  | { kind: "seek-by"; stepMs: number }
  | { kind: "seek-to-part"; part: number }
  | { kind: "speed"; step: 1 | -1 }
  | { kind: "mark"; step: 1 | -1 }
  | { kind: "skip-pauses" | "live" | "panel" | "full-screen" | "help" };

interface Key {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const STEP_MS = 5_000;
const LONG_STEP_MS = 30_000;

/** Returns the order of a key, or null. Keys with Ctrl, Alt or Meta belong to the browser. */
export function orderOf({ key, shiftKey, ctrlKey, metaKey, altKey }: Key): Order | null {
  if (ctrlKey || metaKey || altKey) {
    return null;
  }
  const step = shiftKey ? LONG_STEP_MS : STEP_MS;
  switch (key) {
    case " ":
    case "k":
    case "K":
      return { kind: "toggle" };
    case "ArrowLeft":
      return { kind: "seek-by", stepMs: -step };
    case "ArrowRight":
      return { kind: "seek-by", stepMs: step };
    case "Home":
      return { kind: "seek-to-part", part: 0 };
    case "End":
      return { kind: "seek-to-part", part: 1 };
    case "<":
    case ",":
      return { kind: "speed", step: -1 };
    case ">":
    case ".":
      return { kind: "speed", step: 1 };
    case "n":
    case "N":
      return { kind: "mark", step: 1 };
    case "b":
    case "B":
      return { kind: "mark", step: -1 };
    case "s":
    case "S":
      return { kind: "skip-pauses" };
    case "l":
    case "L":
      return { kind: "live" };
    case "p":
    case "P":
      return { kind: "panel" };
    case "f":
    case "F":
      return { kind: "full-screen" };
    case "?":
      return { kind: "help" };
    default:
      return /^[0-9]$/.test(key) ? { kind: "seek-to-part", part: Number(key) / 10 } : null;
  }
}

/** Whether a key belongs to the element that has the focus and not to the player. */
export function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) {
    return false;
  }
  if (target.isContentEditable || target.closest("dialog") !== null) {
    return true;
  }
  if (target instanceof HTMLInputElement) {
    return target.type !== "checkbox" || key === " ";
  }
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) {
    return true;
  }
  // Space and Enter press the focused element; lists scroll by arrows up and down only, which the player leaves alone.
  return key === " " && target.closest("button, a, summary, [role=slider]") !== null && target.role !== "slider";
}
