// The document of the file in which the recording is replayed: player.html without a server. It is opened by its data:
// URL, so that its origin is its own, and has the file's Content-Security-Policy and a stricter one.
import "@rrweb/replay/dist/style.css";
import "../player/frame/frame.css";
import { FrameController } from "../player/frame/frameController";
import { CONNECT, READY } from "../player/protocol";

window.addEventListener("message", (event) => {
  const [port] = event.ports;
  if (event.source === window.parent && event.data === CONNECT && port !== undefined) {
    new FrameController(port).begin();
  }
});
// A file has no origin to address it by.
window.parent.postMessage(READY, "*");
