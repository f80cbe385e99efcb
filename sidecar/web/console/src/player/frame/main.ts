// The document that replays run in. Its own Content-Security-Policy lets recorded pages bring their inline styles, and
// nothing else; the console talks to it over the port of its first message.
import "@rrweb/replay/dist/style.css";
import { CONNECT } from "../protocol";
import "./frame.css";
import { FrameController } from "./frameController";

window.addEventListener("message", (event) => {
  const port = event.ports[0];
  if (event.source !== window.parent || event.origin !== location.origin) {
    return;
  }
  if (event.data !== CONNECT || port === undefined) {
    return;
  }
  new FrameController(port).begin();
});
