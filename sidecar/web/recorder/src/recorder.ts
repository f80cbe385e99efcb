// The recorder of one page: puts the parts together, and decides when they begin and end.
//
// rrweb begins when the policy is known and not before: its masking options hold for its lifetime, and what it has seen
// without them cannot be masked afterwards (a selector asks the page, not the recording). The policy of the last page is
// remembered, so all pages but a visitor's first are recorded from their first moment; those events wait here until
// `ready` confirms the policy, and are thrown away where it has changed. Nothing that was recorded under a policy that
// no server has confirmed ever leaves.
import type { RecorderCommand, RecordingReady } from "@contract/audit/v1/audit_service_pb";
import { EventType, type eventWithTime } from "@rrweb/types";
import { Backlog, CONFIRMED, type Entry } from "./buffer/sendQueue";
import { Capture, findNode, MANY_ELEMENTS } from "./capture/capture";
import { Cleaner } from "./masking/maskEvents";
import { type Batch, Gatherer } from "./buffer/eventBuffer";
import { Guard } from "./support/errorBoundary";
import { Identity } from "./session/session";
import { keep, sendLast, takeLeft } from "./delivery/unload";
import { DROPPED_TAG, droppedEntry, type Loss, lossOf } from "./buffer/droppedEvents";
import type { ResolvedOptions } from "./options";
import { Packing, type WindowUpload } from "./delivery/packQueue";
import { AppliedPolicy, rememberedPolicy, rememberPolicy } from "./masking/policy";
import type { Notices, RecorderState, RecorderStatus } from "./support/status";
import { openShelf, type Shelf } from "./support/keyValueStore";
import {
  asksNotToBeTracked,
  isFramed,
  isRecordedFromOutside,
  missingFeatures,
  whenRead,
  whenShown,
} from "./support/environment";
import { TokenSource } from "./transport/token";
import { Upload } from "./delivery/uploader";
import { uuid4, uuid7 } from "./support/uuid";
import { DEFAULT_LIMITS, durationMs, skewMs, type StartFields } from "./wire/messages";

/** Shorter than this nobody sees a difference; a server that asks for less is not taken at its word. */
const SHORTEST_FLUSH_MS = 100;
/** A POST is a stream of its own: so often at most. */
const HTTP_FLUSH_MS = 3_000;
/** A chunk is cut at so many characters of JSON: 20 to 60 KB when packed. A small queue wants smaller ones. */
const FULL_CHARS = 256 * 1024;
const LEAST_FULL_CHARS = 16 * 1024;
const CHECK_MS = 15_000;
const ACTIVITY_MS = 1_000;
const WAKING = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll"] as const;

/** Records this page from `start` on. */
export class Recorder {
  readonly #options: ResolvedOptions;
  readonly #notices: Notices;
  readonly #guard: Guard;
  readonly #ends: (() => void)[] = [];
  readonly #confirmed = new Set<string>();
  readonly #tokens: TokenSource;
  readonly #gatherer: Gatherer;
  readonly #packing: Packing;
  #state: RecorderState = "off";
  /** As the page named the visitor, which may be before there is a session; undefined: it did not. */
  #actorId: string | undefined;
  #shared: Shelf | undefined;
  #tab: Shelf | undefined;
  #identity: Identity | undefined;
  #policy: AppliedPolicy | undefined;
  #cleaner: Cleaner | undefined;
  #capture: Capture | undefined;
  #window: WindowUpload | undefined;
  /** Windows that have ended, and may still have something to send. */
  readonly #finishing = new Set<WindowUpload>();
  #intervalMs = DEFAULT_LIMITS.flushIntervalMs;
  #activityMs = 0;
  #droppedEvents = 0;
  #clockSkewMs = 0;

  constructor(options: ResolvedOptions, notices: Notices) {
    this.#options = options;
    this.#notices = notices;
    this.#actorId = options.actorId === "" ? undefined : options.actorId;
    this.#guard = new Guard(notices);
    this.#tokens = new TokenSource(options.endpoint, options.key, Date.now);
    this.#packing = new Packing(this.#guard, this.#packed);
    this.#gatherer = new Gatherer(
      {
        onBatch: this.#gathered,
        clean: (event) => this.#cleaner?.clean(event) ?? event,
        onUnreadable: this.#unreadable,
        isFlowing: () => this.#window?.upload.isFlowing ?? false,
      },
      this.#intervalMs,
      Math.min(FULL_CHARS, Math.max(LEAST_FULL_CHARS, options.maxQueueBytes / 4)),
    );
  }

  get status(): RecorderStatus {
    const isOn = this.#window !== undefined;
    return {
      state: this.#state,
      sessionId: isOn ? this.#identity?.session.id : undefined,
      windowId: isOn ? this.#identity?.windowId : undefined,
      transport: this.#window?.upload.transport,
      queuedEvents: isOn ? this.#queuedEvents() : 0,
      queuedBytes: this.#window?.backlog.bytes ?? 0,
      droppedEvents: this.#droppedEvents,
      clockSkewMs: this.#clockSkewMs,
      notices: this.#notices.all,
    };
  }

  /** Begins, where nothing speaks against it; `status` says what does. */
  start(): void {
    const { key, endpoint, respectOptOut } = this.#options;
    const missing = missingFeatures();
    if (missing.length > 0) {
      this.#notices.say("unsupported", `this browser lacks ${missing.join(", ")}; nothing is recorded`);
      this.#state = "stopped";
    } else if (respectOptOut && asksNotToBeTracked()) this.#state = "opted_out";
    else if (isRecordedFromOutside()) this.#state = "framed";
    else {
      this.#state = "connecting";
      const prefix = `afterimage:${key}@${endpoint}:`;
      this.#shared = openShelf(() => localStorage, prefix);
      this.#tab = openShelf(() => sessionStorage, prefix);
      whenShown(
        this.#guard.wrap(() => {
          whenRead(this.#guard.wrap(this.#begin));
        }),
      );
    }
  }

  /** Ends: what was recorded is still sent, the page is left alone. */
  stop(): void {
    this.#end("off");
    // The window has ended; what comes later in this tab is another one.
    this.#identity?.abandon();
  }

  /** Names the visitor, from now on and for what comes of this session. */
  identify(actorId: string): void {
    this.#actorId = actorId;
    this.#identity?.identify(actorId);
    const upload = this.#window?.upload;
    if (upload !== undefined && upload.fields.actorId !== actorId) upload.restart({ ...upload.fields, actorId });
  }

  readonly #begin = (): void => {
    if (this.#state !== "connecting" || this.#shared === undefined || this.#tab === undefined) return;
    const { idleMs, maxMs, sampleRate, maxElements } = this.#options;
    const elements = document.getElementsByTagName("*").length;
    if (elements > maxElements) {
      this.#notices.say(
        "too_many_elements",
        `this page has ${elements} elements, more than ${maxElements}, and is not recorded: see maxElements`,
      );
      this.#state = "stopped";
      return;
    }
    if (!this.#tab.isKept) {
      this.#notices.say(
        "no_storage",
        "the browser keeps nothing for this page (cookies are blocked, or it is sandboxed): each page is a session of its own",
      );
    }
    const rules = { idleMs, maxMs, sampleRate };
    const chance = { now: Date.now, random: Math.random, newSessionId: uuid7, newWindowId: uuid4 };
    this.#identity = new Identity(this.#shared, this.#tab, isFramed(), rules, chance);
    if (this.#actorId !== undefined) this.#identity.identify(this.#actorId);
    if (!this.#mayRecord()) return;
    this.#listen();
    this.#open(true);
    const remembered = rememberedPolicy(this.#shared);
    if (remembered !== undefined) this.#record(remembered, true);
  };

  /** Whether the present session is recorded; the state says why not. */
  #mayRecord(): boolean {
    const session = this.#identity?.session;
    if (session === undefined) return false;
    if (session.isStopped) this.#state = "stopped";
    else if (!session.isSampled) this.#state = "not_sampled";
    else return true;
    return false;
  }

  /** Opens the way of the present session's window. */
  #open(isFirst: boolean): WindowUpload | undefined {
    const { endpoint, maxQueueBytes, tags } = this.#options;
    const identity = this.#identity;
    if (identity === undefined || this.#tab === undefined) return undefined;
    const { session, windowId } = identity;
    const fields: StartFields = { sessionId: session.id, windowId, actorId: session.actorId, tags };
    const backlog = new Backlog(maxQueueBytes);
    // A frame is a window of its own on each load: nothing was left for it, and what its siblings left is not its.
    const left = isFirst && !isFramed() ? takeLeft(this.#tab, windowKey(fields)) : undefined;
    if (left !== undefined) {
      backlog.restore(left.entries);
      if (left.loss !== undefined) {
        this.#lost(left.loss);
        backlog.push(droppedEntry(left.loss));
      }
    }
    const upload: Upload = new Upload(fields, {
      endpoint,
      backlog,
      tokens: this.#tokens,
      guard: this.#guard,
      notices: this.#notices,
      now: Date.now,
      events: {
        onReady: (ready) => {
          this.#ready(ready, window);
        },
        onChange: () => {
          this.#changed(window);
        },
        onCommand: (command) => {
          if (this.#window === window) this.#command(command);
        },
        onContested: () => {
          if (this.#window === window) this.#moveWindow();
        },
        onStopped: () => {
          if (this.#window === window) this.#stopForSession();
        },
        onFailed: () => {
          if (this.#window === window) this.#end("stopped");
        },
        onDropped: (events) => {
          this.#droppedEvents += events;
        },
      },
    });
    const window: WindowUpload = { upload, backlog };
    this.#window = window;
    this.#state = "connecting";
    upload.connect();
    return window;
  }

  /** Begins rrweb under a policy. */
  #record(policy: AppliedPolicy, isNewPage: boolean): void {
    this.#capture?.stop();
    this.#policy = policy;
    this.#cleaner = new Cleaner(policy, findNode);
    // rrweb tells of a load only when it was there before; without, a reload of the same page would be no page view.
    if (isNewPage) this.#gatherer.add({ type: EventType.DomContentLoaded, data: {}, timestamp: Date.now() });
    const events = { onEvent: this.#event, onActivity: this.#active };
    this.#capture = new Capture(this.#options, policy, events, this.#guard);
    const elements = document.getElementsByTagName("*").length;
    if (elements > MANY_ELEMENTS) {
      const costMs = Math.round(this.#capture.snapshotCostMs);
      this.#notices.say(
        "many_elements",
        `this page has ${elements} elements; looking at all of them took ${costMs} ms. ` +
          `Mark what need not be seen with data-afterimage="block"`,
      );
    }
  }

  #ready(ready: RecordingReady, window: WindowUpload): void {
    if (ready.privacyPolicy === undefined) throw new Error("the installation told no privacy policy");
    const policy = new AppliedPolicy(ready.privacyPolicy);
    this.#clockSkewMs = skewMs(ready, Date.now());
    this.#confirmed.add(policy.version);
    if (this.#shared !== undefined) rememberPolicy(this.#shared, ready.privacyPolicy);
    this.#discard(window);
    if (this.#window !== window) return;
    const before = this.#policy;
    if (before?.version !== policy.version) {
      this.#gatherer.flush();
      this.#record(policy, before === undefined);
    }
  }

  /** Throws away what was recorded under a policy that no server has confirmed. */
  #discard(window: WindowUpload): void {
    const gone = window.backlog.discard(this.#mayLeave);
    let waiting = 0;
    const version = this.#policy?.version;
    if (this.#window === window && version !== undefined && !this.#confirmed.has(version)) {
      gone.push(...this.#packing.takeBack(version));
      waiting = this.#gatherer.clear();
    }
    if (gone.length + waiting === 0) return;
    const loss = gone.length > 0 ? lossOf("policy_changed", gone) : momentLoss("policy_changed");
    const total = { ...loss, events: loss.events + waiting };
    this.#lost(total);
    window.backlog.push(droppedEntry(total));
  }

  readonly #mayLeave = ({ policy }: Entry): boolean => policy === CONFIRMED || this.#confirmed.has(policy);

  #changed(window: WindowUpload): void {
    if (this.#window !== window) return;
    const { isFlowing } = window.upload;
    if (isFlowing && this.#state !== "recording") {
      this.#notices.clear("unreachable");
      this.#setInterval(window.upload.limits.flushIntervalMs);
      // What has gathered meanwhile was not cut by time, and nothing may come after it.
      this.#gatherer.flush();
    }
    if (this.#state === "connecting" && !isFlowing) return;
    this.#state = isFlowing ? "recording" : "offline";
  }

  #command({ command }: RecorderCommand): void {
    switch (command.case) {
      case "flushInterval":
        this.#setInterval(durationMs(command.value));
        break;
      case "takeFullSnapshot":
        this.#capture?.takeSnapshot();
        this.#gatherer.flush();
        break;
      case "stop":
        this.#notices.say(
          "stopped",
          `the installation ended this recording: ${command.value.reason || "no reason told"}`,
        );
        this.#stopForSession();
        break;
      case undefined:
        break;
    }
  }

  #setInterval(wantedMs: number): void {
    const least = this.#window?.upload.transport === "http" ? HTTP_FLUSH_MS : SHORTEST_FLUSH_MS;
    this.#intervalMs = Math.max(wantedMs, least);
    this.#gatherer.setInterval(this.#intervalMs);
  }

  readonly #event = (event: eventWithTime): void => {
    this.#gatherer.add(event);
  };

  readonly #unreadable = (event: eventWithTime): void => {
    const loss: Loss = { reason: "unreadable", events: 1, bytes: 0, fromMs: event.timestamp, toMs: event.timestamp };
    this.#lost(loss);
    this.#gatherer.add({
      type: EventType.Custom,
      timestamp: event.timestamp,
      data: { tag: DROPPED_TAG, payload: loss },
    });
    this.#notices.say("unreadable", "an event could not be written as JSON and is missing in the recording");
  };

  readonly #gathered = (batch: Batch): void => {
    const window = this.#window;
    if (window === undefined || this.#policy === undefined) return;
    this.#packing.add(batch, this.#policy.version, window);
  };

  readonly #packed = (entries: readonly Entry[], { upload, backlog }: WindowUpload): void => {
    for (const entry of entries) {
      if (entry.loss === undefined) continue;
      this.#lost(entry.loss);
      this.#notices.say("too_large", `a part of this page is missing in the recording: ${entry.loss.detail ?? ""}`);
    }
    upload.push(...entries);
    this.#bound(backlog, upload);
  };

  #bound(backlog: Backlog, upload: Upload): void {
    const { maxQueueBytes } = this.#options;
    const { dropped, needsSnapshot } = backlog.shrink();
    if (dropped > 0) {
      this.#droppedEvents += dropped;
      this.#notices.say(
        "queue_full",
        `the installation could not be reached for so long that ${maxQueueBytes} bytes were waiting: the oldest were given up`,
      );
    }
    // Snapshots along the way, so that not everything has to go at once.
    const isLong = !upload.isFlowing && backlog.bytesSinceSnapshot > maxQueueBytes / 4;
    if ((needsSnapshot || isLong) && this.#window?.upload === upload) this.#capture?.takeSnapshot();
  }

  #queuedEvents(): number {
    return this.#gatherer.events + this.#packing.events + (this.#window?.backlog.events ?? 0);
  }

  #lost(loss: Loss): void {
    this.#droppedEvents += loss.events;
  }

  readonly #active = (): void => {
    const nowMs = Date.now();
    if (nowMs - this.#activityMs < ACTIVITY_MS) return;
    this.#activityMs = nowMs;
    if (this.#identity?.isOver() === true) this.#renew();
    this.#identity?.touch();
  };

  readonly #check = (): void => {
    if (this.#window !== undefined && this.#identity?.isOver() === true) this.#sleep();
  };

  /** Lets the present session end, and begins the next. */
  #renew(): void {
    const policy = this.#policy;
    this.#finish();
    this.#identity?.renew();
    if (!this.#mayRecord()) return;
    this.#open(false);
    if (policy !== undefined) this.#record(policy, true);
  }

  /** Lets the present session end; the visitor's next action begins another. */
  #sleep(): void {
    this.#finish();
    this.#state = "idle";
    const wake = this.#guard.wrap(() => {
      for (const name of WAKING) window.removeEventListener(name, wake, true);
      if (this.#state === "idle") this.#renew();
    });
    for (const name of WAKING) window.addEventListener(name, wake, { capture: true, passive: true });
  }

  /** Another tab records under this window's id. */
  #moveWindow(): void {
    const policy = this.#policy;
    this.#gatherer.flush();
    this.#packing.finishNow();
    const { entries } = this.#window?.backlog ?? { entries: [] };
    this.#identity?.changeWindow();
    const window = this.#open(false);
    if (entries.length > 0) {
      const loss = lossOf("window_taken", entries);
      this.#lost(loss);
      window?.backlog.push(droppedEntry(loss));
    }
    if (policy !== undefined) this.#record(policy, true);
  }

  #stopForSession(): void {
    this.#identity?.stop();
    this.#gatherer.clear();
    this.#window?.upload.close();
    this.#end("stopped");
  }

  /** Sends what there is, says that the window has ended, and lets go of it. */
  #finish(): void {
    const window = this.#window;
    this.#gatherer.flush();
    this.#capture?.stop();
    this.#capture = undefined;
    this.#window = undefined;
    if (window === undefined) return;
    for (const each of this.#finishing) if (each.upload.isOver) this.#finishing.delete(each);
    this.#finishing.add(window);
    this.#guard.start(async () => {
      await this.#packing.done;
      window.upload.finish();
    });
  }

  #end(state: RecorderState): void {
    this.#finish();
    this.#state = state;
    for (const end of this.#ends.splice(0)) end();
  }

  #listen(): void {
    // Not among those that end with the recording: what it has not sent by then is still to be sent.
    window.addEventListener("pagehide", this.#guard.wrap(this.#leave));
    const listen = (target: EventTarget, name: string, work: (event: Event) => void): void => {
      const listener = this.#guard.wrap(work);
      target.addEventListener(name, listener);
      this.#ends.push(() => {
        target.removeEventListener(name, listener);
      });
    };
    listen(window, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) this.#return();
    });
    listen(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#gatherer.flush();
    });
    const timer = setInterval(this.#guard.wrap(this.#check), CHECK_MS);
    this.#ends.push(() => {
      clearInterval(timer);
    });
  }

  readonly #leave = (): void => {
    if (this.#window !== undefined) this.#gatherer.flush();
    this.#packing.finishNow();
    for (const other of this.#finishing) this.#sendLast(other);
    const window = this.#window;
    const identity = this.#identity;
    if (window === undefined || identity === undefined || this.#tab === undefined) return;
    const { upload, backlog } = window;
    this.#sendLast(window);
    const { entries } = backlog;
    const isKept =
      entries.length === 0 || (!isFramed() && keep(this.#tab, windowKey(upload.fields), entries, this.#mayLeave));
    if (isKept) identity.release();
    else identity.abandon();
    upload.suspend();
  };

  #sendLast(window: WindowUpload): void {
    sendLast(window, `${this.#options.endpoint}record`, this.#tokens.present, this.#mayLeave);
  }

  /** The page comes back out of the browser's cache; others may have been recorded in this window meanwhile. */
  #return(): void {
    const window = this.#window;
    if (window === undefined || this.#tab === undefined) return;
    if (!isFramed()) takeLeft(this.#tab, windowKey(window.upload.fields));
    this.#identity?.hold();
    window.upload.connect();
    this.#capture?.takeSnapshot();
  }
}

function windowKey(fields: StartFields): string {
  return `${fields.sessionId}/${fields.windowId}`;
}

function momentLoss(reason: Loss["reason"]): Loss {
  const nowMs = Date.now();
  return { reason, events: 0, bytes: 0, fromMs: nowMs, toMs: nowMs };
}
