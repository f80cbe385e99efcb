// Entry point of `<script src="https://HOST/recorder.js" data-key="pk_demo" async></script>`.
import { identify, sessionId, setDefaultEndpoint, start, status, stop } from "./api";
import type { RecorderOptions } from "./options";
import type { RecorderStatus } from "./support/status";

interface AfterimageGlobal {
  start: (options: RecorderOptions) => void;
  stop: () => void;
  identify: (actorId: string) => void;
  status: () => RecorderStatus;
  readonly sessionId: string | undefined;
}

const page = window as Window & { Afterimage?: AfterimageGlobal };
const script = document.currentScript;

// Two script tags, or a script that is evaluated twice, make one recorder.
if (page.Afterimage === undefined) {
  page.Afterimage = {
    start,
    stop,
    identify,
    status,
    get sessionId() {
      return sessionId();
    },
  };
  if (script instanceof HTMLScriptElement) {
    if (/^https?:/.test(script.src)) {
      setDefaultEndpoint(new URL(".", script.src).href);
    }
    const options = optionsOf(script.dataset);
    if (options !== undefined) {
      start(options);
    }
  }
}

/** Returns the options in the tag; undefined: it has no key, and the page starts the recorder itself. */
function optionsOf(data: DOMStringMap): RecorderOptions | undefined {
  if (data["key"] === undefined) {
    return undefined;
  }
  const flag = (text: string | undefined): boolean | undefined => (text === undefined ? undefined : text !== "false");
  const given = {
    key: data["key"],
    endpoint: data["endpoint"],
    actorId: data["actorId"],
    sampleRate: data["sampleRate"] === undefined ? undefined : Number(data["sampleRate"]),
    respectOptOut: flag(data["respectOptOut"]),
    console: flag(data["console"]),
    network: flag(data["network"]),
    canvas: flag(data["canvas"]),
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as unknown as RecorderOptions;
}
