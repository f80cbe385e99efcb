// The recorder's environment: features of the browser, the visitor's opt-out, the embedding page.
import { listen } from "./realm";

/** Returns the required features that this browser lacks. */
export function missingFeatures(): string[] {
  const needed: Record<string, boolean> = {
    MutationObserver: typeof MutationObserver === "function",
    fetch: typeof fetch === "function",
    "crypto.getRandomValues": typeof crypto === "object" && typeof crypto.getRandomValues === "function",
    TextEncoder: typeof TextEncoder === "function",
    Blob: typeof Blob === "function",
  };
  return Object.keys(needed).filter((name) => needed[name] === false);
}

/** Whether the visitor asks not to be tracked: Global Privacy Control, or Do Not Track. */
export function asksNotToBeTracked(): boolean {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & {
    doNotTrack?: string | null;
    globalPrivacyControl?: boolean;
  };
  return globalPrivacyControl === true || doNotTrack === "1" || doNotTrack === "yes";
}

/** Whether this page is shown within another one. */
export function isFramed(): boolean {
  return window.parent !== window;
}

/** Whether an embedding page records this one, too: it has the same origin, and a recorder. */
export function isRecordedFromOutside(): boolean {
  for (let frame: Window = window; frame.parent !== frame; frame = frame.parent) {
    try {
      const outer = frame.parent as Window & { Afterimage?: unknown };
      if (outer.Afterimage !== undefined || outer.document.querySelector("script[data-key][src$='recorder.js']")) {
        return true;
      }
    } catch {
      return false; // Another origin: that page cannot see into this one.
    }
  }
  return false;
}

/** Calls `work` once the document has been parsed. */
export function whenRead(work: () => void): void {
  if (document.readyState === "loading") {
    listen(document, "DOMContentLoaded", work, { once: true });
  } else {
    work();
  }
}

/** Calls `work` once the page is shown: browsers prerender pages that may never be opened. */
export function whenShown(work: () => void): void {
  const { prerendering } = document as Document & { prerendering?: boolean };
  if (prerendering === true) {
    listen(document, "prerenderingchange", work, { once: true });
  } else {
    work();
  }
}
