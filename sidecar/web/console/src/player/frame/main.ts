// The document that replays run in. Its own Content-Security-Policy lets recorded pages bring their inline styles, and
// nothing else.
import "@rrweb/replay/dist/style.css";
