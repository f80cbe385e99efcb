// An origin of its own for this document: a script in it would reach no token, cookie, storage or document of the
// console's origin.
//
// `sandbox="allow-scripts"` alone would give it one, but would give each frame in it another one, and the Replayer
// builds recorded pages in frames that it has to reach. A `data:` document has an opaque origin that its frames share
// (https://html.spec.whatwg.org/multipage/browsers.html#determining-the-origin), and the policy of the document that
// navigates to it: so /player.html, which came with the headers, replaces itself by a copy. docs/adr/0014.

/** Name of the copy in developer tools. */
const NAME = "#/player.html";

/** Whether this document has an origin that it shares with no other document than its own frames. */
export function hasOwnOrigin(): boolean {
  return self.origin === "null";
}

/** Replaces this document by its copy; the rest of it does not run. */
export function moveToOwnOrigin(): void {
  // Relative addresses lead nowhere in it.
  for (const script of document.querySelectorAll<HTMLScriptElement>("script[src]")) {
    script.setAttribute("src", script.src);
  }
  for (const link of document.querySelectorAll<HTMLLinkElement>("link[href]")) {
    link.setAttribute("href", link.href);
  }
  const page = `<!doctype html>${document.documentElement.outerHTML}`;
  location.replace(`data:text/html;charset=utf-8,${encodeURIComponent(page)}${NAME}`);
}
