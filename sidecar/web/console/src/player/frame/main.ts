// The document that replays run in. Its own Content-Security-Policy lets recorded pages bring their inline styles, and
// nothing else; it has an origin of its own (ownOrigin.ts), and the console talks to it over the port of its first
// message.
import "@rrweb/replay/dist/style.css";
import { CONNECT, READY } from "../protocol";
import "./frame.css";
import { hasOwnOrigin, moveToOwnOrigin } from "./ownOrigin";

if (hasOwnOrigin()) {
  void serve();
} else {
  moveToOwnOrigin();
}

async function serve(): Promise<void> {
  // Loaded only here: no code that handles recordings runs in the console's origin.
  const { FrameController } = await import("./frameController");
  // This document's URL has no origin; the console's is that of the files.
  const consoleOrigin = new URL(import.meta.url).origin;
  window.addEventListener("message", (event) => {
    const port = event.ports[0];
    if (event.source !== window.parent || event.origin !== consoleOrigin) {
      return;
    }
    if (event.data !== CONNECT || port === undefined) {
      return;
    }
    new FrameController(port).begin();
  });
  window.parent.postMessage(READY, consoleOrigin);
}
