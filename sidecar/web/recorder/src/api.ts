// The functions that pages call. They do not throw.
import { type RecorderOptions, resolveOptions } from "./options";
import { Recorder } from "./recorder";
import { ErrorBoundary } from "./support/errorBoundary";
import { Notices, type RecorderStatus } from "./support/status";

const notices = new Notices();
const boundary = new ErrorBoundary(notices);
let recorder: Recorder | undefined;
let base = "";

/** Sets the URL of the installation to use when `endpoint` is not given. Default: the page's own origin. */
export function setDefaultEndpoint(url: string): void {
  base = url;
}

/** Starts recording this page. Does nothing while it is already being recorded. */
export function start(options: RecorderOptions): void {
  boundary.run(() => {
    if (recorder !== undefined) {
      return;
    }
    const { options: resolved, problems } = resolveOptions(options, base === "" ? location.origin : base);
    for (const problem of problems) {
      notices.report(`option_${problem.split(" ")[0] ?? ""}`, problem);
    }
    if (resolved === undefined) {
      return;
    }
    recorder = new Recorder(resolved, notices);
    recorder.start();
  });
}

/** Ends the recording of this page; events already recorded are still sent. */
export function stop(): void {
  boundary.run(() => {
    recorder?.stop();
    recorder = undefined;
  });
}

/** Sets the site's own id of the visitor, at most 256 characters; "": anonymous. */
export function identify(actorId: string): void {
  boundary.run(() => {
    if (typeof actorId === "string" && actorId.length <= 256) {
      recorder?.identify(actorId);
    } else {
      notices.report("identify", "identify() takes a string of at most 256 characters");
    }
  });
}

/** Returns the recorder's state. */
export function status(): RecorderStatus {
  return recorder?.status ?? { ...OFF, without: notices.without, notices: notices.all };
}

/** Returns the id of the session that this page belongs to; undefined: it is not recorded. */
export function sessionId(): string | undefined {
  return recorder?.status.sessionId;
}

const OFF: Omit<RecorderStatus, "without" | "notices"> = {
  state: "off",
  sessionId: undefined,
  windowId: undefined,
  transport: undefined,
  queuedEvents: 0,
  queuedBytes: 0,
  droppedEvents: 0,
  replacedContents: 0,
  clockSkewMs: 0,
};
