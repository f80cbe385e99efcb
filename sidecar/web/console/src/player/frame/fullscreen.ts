// Elements that fill the visitor's screen. The recorder gives them an attribute (recorder/src/capture/fullscreen.ts);
// a script cannot put an element into fullscreen in a replay, so they get the look that the browser gives them
// (https://fullscreen.spec.whatwg.org/#user-agent-level-style-sheet-defaults).

const FULL = "[data-afterimage-fullscreen]";

/** Style rules for the replayed documents. */
export const FULLSCREEN_RULES: readonly string[] = [
  `${FULL}:not(:root) { position: fixed !important; inset: 0 !important; margin: 0 !important;
     box-sizing: border-box !important; width: 100% !important; height: 100% !important;
     min-width: 0 !important; max-width: none !important; min-height: 0 !important; max-height: none !important;
     transform: none !important; object-fit: contain; z-index: 2147483647 !important;
     box-shadow: 0 0 0 100vmax black; }`,
  `iframe${FULL} { border: none !important; padding: 0 !important; }`,
  // In a browser it is above the page. Here its ancestors must neither place, clip, fade nor cover it.
  `:has(${FULL}) { transform: none !important; translate: none !important; rotate: none !important;
     scale: none !important; perspective: none !important; filter: none !important; backdrop-filter: none !important;
     contain: none !important; container-type: normal !important; content-visibility: visible !important;
     will-change: auto !important; clip-path: none !important; mask: none !important; opacity: 1 !important;
     z-index: 2147483647 !important; }`,
];
