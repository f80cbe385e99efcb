// The recorder of one page: creates the parts, and decides when they begin and end.
//
// rrweb starts only once the policy is known: its masking options are fixed for its lifetime, and events cannot be
// masked afterwards (a selector applies to the page, not to the recording). The policy of the previous page is
// remembered, so all pages except a visitor's first are recorded from their first moment; those events wait here until
// `ready` confirms the policy, and are discarded if it has changed. Events recorded under a policy that no server has
// confirmed are never sent.
import type { RecorderCommand, RecordingReady } from "@messages/audit/v1/audit_service";
import { EventType, type eventWithTime } from "@rrweb/types";
import { DROPPED_TAG, droppedEntry, lossOf } from "./buffer/droppedEvents";
import { type Batch, EventBuffer } from "./buffer/eventBuffer";
import { SendQueue } from "./buffer/sendQueue";
import { Capture, findNode, isKnownNode, MANY_ELEMENTS } from "./capture/capture";
import { Contents } from "./capture/contents";
import { Repair } from "./capture/repair";
import { Watchdog } from "./capture/watchdog";
import { PackQueue, type WindowUpload } from "./delivery/packQueue";
import { saveUnsent, sendUnsent, takeUnsent } from "./delivery/unload";
import { Uploader } from "./delivery/uploader";
import { EventMasker } from "./masking/maskEvents";
import { AppliedPolicy, rememberedPolicy, rememberPolicy } from "./masking/policy";
import type { ResolvedOptions } from "./options";
import { SessionTracker } from "./session/session";
import {
  asksNotToBeTracked,
  isFramed,
  isRecordedFromOutside,
  missingFeatures,
  whenRead,
  whenShown,
} from "./support/environment";
import { ErrorBoundary } from "./support/errorBoundary";
import { type KeyValueStore, openStore } from "./support/keyValueStore";
import { losePart, onLostPart } from "./support/parts";
import { distrustObserver, listen } from "./support/realm";
import type { Notices, RecorderState, RecorderStatus } from "./support/status";
import { newSecret, uuid4, uuid7 } from "./support/uuid";
import { TokenSource } from "./transport/token";
import { CONFIRMED, type Entry, type Loss, type LossReason } from "./wire/entry";
import { DEFAULT_LIMITS, milliseconds, skewMs, type StartFields } from "./wire/messages";

/** Shortest flush interval, also if a server requests less: a shorter one makes no visible difference. */
const SHORTEST_FLUSH_MS = 100;
/** Shortest flush interval over POST, where each request is a separate stream. */
const HTTP_FLUSH_MS = 3_000;
/** Characters of JSON per chunk, 20 to 60 KB when packed; fewer for a small queue. */
const FULL_CHARS = 256 * 1024;
const LEAST_FULL_CHARS = 16 * 1024;
const CHECK_MS = 15_000;
/** A session that is full sooner after another one was full ends the recording of the page. */
const SHORTEST_SESSION_MS = 60_000;
const ACTIVITY_MS = 1_000;
/** Maximum number of windows and sessions per minute that this page leaves because the installation refuses them. */
const MAX_REFUSED = 3;
const MINUTE_MS = 60_000;
/** Alarms of the watchdog in a row after which snapshots take the place of changes. */
const MAX_ALARMS = 2;
const WAKING = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll"] as const;

/** Records this page from `start` on. */
export class Recorder {
  readonly #options: ResolvedOptions;
  readonly #notices: Notices;
  readonly #boundary: ErrorBoundary;
  readonly #ends: (() => void)[] = [];
  readonly #listeners: (() => void)[] = [];
  /** Removes the listener that outlives the recording: chunks not sent by then must still be sent. */
  #leaving: () => void = () => undefined;
  #watchdog: Watchdog | undefined;
  readonly #confirmed = new Set<string>();
  readonly #tokens: TokenSource;
  readonly #buffer: EventBuffer;
  readonly #packQueue: PackQueue;
  readonly #contents: Contents;
  readonly #repair: Repair;
  #state: RecorderState = "off";
  /** The page's id of the visitor, which may be set before there is a session; undefined: not set. */
  #actorId: string | undefined;
  #shared: KeyValueStore | undefined;
  #tab: KeyValueStore | undefined;
  #tracker: SessionTracker | undefined;
  #policy: AppliedPolicy | undefined;
  #masker: EventMasker | undefined;
  #capture: Capture | undefined;
  #window: WindowUpload | undefined;
  /** Windows that have ended, and may still have unsent chunks. */
  readonly #finishing = new Set<WindowUpload>();
  #intervalMs = DEFAULT_LIMITS.flushIntervalMs;
  #activityMs = 0;
  #replacedMs = -SHORTEST_SESSION_MS;
  #droppedEvents = 0;
  #refusedMs: number[] = [];
  #clockSkewMs = 0;

  constructor(options: ResolvedOptions, notices: Notices) {
    this.#options = options;
    this.#notices = notices;
    this.#actorId = options.actorId === "" ? undefined : options.actorId;
    this.#boundary = new ErrorBoundary(notices);
    onLostPart((part, error) => {
      notices.lose(part, error);
    });
    this.#tokens = new TokenSource(options.endpoint, options.key, Date.now);
    this.#packQueue = new PackQueue(this.#boundary, this.#packed);
    this.#contents = new Contents({
      maxInlineBytes: options.maxInlineBytes,
      emit: this.#event,
      find: findNode,
      mayShow: (element) => this.#policy?.masksText(element) !== true,
      boundary: this.#boundary,
      notices,
    });
    this.#repair = new Repair({
      takeSnapshot: () => this.#capture?.takeSnapshot(),
      tighten: () => this.#contents.tighten(),
      now: () => performance.now(),
    });
    this.#buffer = new EventBuffer(
      {
        onBatch: this.#gathered,
        mask: (event) => this.#masker?.mask(event) ?? event,
        adapt: (event, text) => this.#contents.adapt(event, text),
        onUnreadable: this.#unreadable,
        isFlowing: () => this.#window?.uploader.isFlowing ?? false,
      },
      this.#intervalMs,
      Math.min(FULL_CHARS, Math.max(LEAST_FULL_CHARS, options.maxQueueBytes / 4)),
    );
  }

  get status(): RecorderStatus {
    const isOn = this.#window !== undefined;
    return {
      state: this.#state,
      sessionId: isOn ? this.#tracker?.session.id : undefined,
      windowId: isOn ? this.#tracker?.windowId : undefined,
      transport: this.#window?.uploader.transportKind,
      queuedEvents: isOn ? this.#queuedEvents() : 0,
      queuedBytes: this.#window?.queue.bytes ?? 0,
      droppedEvents: this.#droppedEvents,
      replacedContents: this.#contents.replaced,
      clockSkewMs: this.#clockSkewMs,
      without: this.#notices.without,
      notices: this.#notices.all,
    };
  }

  /** Starts recording, unless a condition prevents it; `status` reports the reason. */
  start(): void {
    const { key, endpoint, respectOptOut } = this.#options;
    const missing = missingFeatures();
    if (missing.length > 0) {
      this.#notices.report("unsupported", `this browser lacks ${missing.join(", ")}; nothing is recorded`);
      this.#state = "stopped";
    } else if (respectOptOut && asksNotToBeTracked()) {
      this.#state = "opted_out";
    } else if (isRecordedFromOutside()) {
      this.#state = "framed";
    } else {
      this.#state = "connecting";
      const prefix = `afterimage:${key}@${endpoint}:`;
      this.#shared = openStore([() => localStorage, () => sessionStorage], prefix);
      this.#tab = openStore([() => sessionStorage], prefix);
      whenShown(
        this.#boundary.wrap(() => {
          whenRead(this.#boundary.wrap(this.#begin));
        }),
      );
    }
  }

  /** Ends the recording; events already recorded are still sent. */
  stop(): void {
    this.#end("off");
    // The window has ended; later pages of this tab get another one.
    this.#tracker?.abandon();
  }

  /** Sets the visitor's id for the rest of this session. */
  identify(actorId: string): void {
    this.#actorId = actorId;
    this.#tracker?.identify(actorId);
    const uploader = this.#window?.uploader;
    if (uploader !== undefined && uploader.fields.actorId !== actorId) {
      uploader.restart({ ...uploader.fields, actorId });
    }
  }

  readonly #begin = (): void => {
    if (this.#state !== "connecting" || this.#shared === undefined || this.#tab === undefined) {
      return;
    }
    const { idleMs, maxMs, sampleRate, maxElements } = this.#options;
    const elements = document.getElementsByTagName("*").length;
    if (elements > maxElements) {
      this.#notices.report(
        "too_many_elements",
        `this page has ${elements} elements, more than ${maxElements}, and is not recorded: see maxElements`,
      );
      this.#state = "stopped";
      return;
    }
    if (!this.#shared.isKept) {
      this.#notices.report(
        "no_storage",
        "this page has no storage (it is full, cookies are blocked, or the page is sandboxed): " +
          "each page is a separate session",
      );
    } else if (!this.#shared.isShared) {
      this.#notices.report("no_local_storage", "localStorage is full or blocked: each tab is a separate session");
    }
    const rules = { idleMs, maxMs, sampleRate };
    const clockAndIds = { now: Date.now, random: Math.random, newSessionId: uuid7, newWindowId: uuid4, newSecret };
    this.#tracker = new SessionTracker(this.#shared, this.#tab, isFramed(), rules, clockAndIds);
    if (this.#actorId !== undefined) {
      this.#tracker.identify(this.#actorId);
    }
    if (!this.#mayRecord()) {
      return;
    }
    this.#listen();
    const timer = setInterval(this.#boundary.wrap(this.#check), CHECK_MS);
    this.#ends.push(() => {
      clearInterval(timer);
    });
    this.#open(true);
    const remembered = rememberedPolicy(this.#shared);
    if (remembered !== undefined) {
      this.#record(remembered, true);
    }
  };

  /** Whether the current session is recorded; the state has the reason if not. */
  #mayRecord(): boolean {
    const session = this.#tracker?.session;
    if (session === undefined) {
      return false;
    }
    if (session.isStopped) {
      this.#state = "stopped";
    } else if (!session.isSampled) {
      this.#state = "not_sampled";
    } else {
      return true;
    }
    return false;
  }

  /** Creates the queue and the uploader of the current session's window. */
  #open(isFirst: boolean): WindowUpload | undefined {
    const { endpoint, maxQueueBytes, tags } = this.#options;
    const tracker = this.#tracker;
    if (tracker === undefined || this.#tab === undefined) {
      return undefined;
    }
    const { session, windowId } = tracker;
    const { id, actorId, secret } = session;
    const fields: StartFields = { sessionId: id, windowId, actorId, secret, tags };
    const queue = new SendQueue(maxQueueBytes);
    // A frame is a new window on each load: nothing was saved for it, and saved chunks belong to its siblings.
    const left = isFirst && !isFramed() ? takeUnsent(this.#tab, windowKey(fields)) : undefined;
    if (left !== undefined) {
      queue.restore(left.entries);
      if (left.loss !== undefined) {
        this.#lost(left.loss);
        queue.push(droppedEntry(left.loss));
      }
    }
    const uploader: Uploader = new Uploader(fields, {
      endpoint,
      queue,
      tokens: this.#tokens,
      boundary: this.#boundary,
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
          if (this.#window === window) {
            this.#command(command);
          }
        },
        onContested: () => {
          if (this.#window === window) {
            this.#moveWindow("window_taken");
          }
        },
        onWindowEnded: () => {
          this.#refused(window, () => {
            this.#moveWindow("window_refused");
          });
        },
        onDisowned: () => {
          this.#refused(window, () => {
            this.#moveSession();
          });
        },
        onStopped: () => {
          if (this.#window === window) {
            this.#stopForSession();
          }
        },
        onFull: () => {
          this.#replaceSession(window);
        },
        onFailed: () => {
          if (this.#window === window) {
            this.#end("stopped");
          }
        },
        onDropped: (events, isSnapshotTooLarge) => {
          this.#droppedEvents += events;
          if (this.#window === window) {
            this.#repair.lost(isSnapshotTooLarge);
          }
        },
      },
    });
    const window: WindowUpload = { uploader, queue };
    this.#window = window;
    this.#state = "connecting";
    uploader.connect();
    return window;
  }

  /** Starts rrweb under a policy. */
  #record(policy: AppliedPolicy, isNewPage: boolean): void {
    this.#capture?.stop();
    this.#policy = policy;
    this.#masker = new EventMasker(policy, findNode);
    // rrweb reports a load only if it was started before; without this event, a reload would not count as a page view.
    if (isNewPage) {
      this.#buffer.add({ type: EventType.DomContentLoaded, data: {}, timestamp: Date.now() });
    }
    const events = { onEvent: this.#event, onActivity: this.#active, onFailed: this.#failed };
    this.#capture = new Capture(this.#options, policy, events, this.#boundary);
    this.#watch();
    const elements = document.getElementsByTagName("*").length;
    if (elements > MANY_ELEMENTS) {
      const costMs = Math.round(this.#capture.snapshotCostMs);
      this.#notices.report(
        "many_elements",
        `this page has ${elements} elements; a snapshot of them took ${costMs} ms. ` +
          `Mark irrelevant parts with data-afterimage="block"`,
      );
    }
  }

  /** Watches over rrweb, which a page can silence. */
  #watch(): void {
    if (this.#watchdog === undefined) {
      const watchdog = new Watchdog(this.#boundary, isKnownNode, this.#silenced);
      this.#watchdog = watchdog;
      this.#ends.push(() => {
        watchdog.stop();
        this.#watchdog = undefined;
      });
    }
    this.#watchdog.reset(this.#capture?.isStarted === true);
  }

  /** The page has removed rrweb's listeners and observers: they start again, with a snapshot. */
  readonly #silenced = (alarms: number): boolean => {
    if (this.#capture === undefined || this.#policy === undefined) {
      return false;
    }
    this.#notices.report(
      "silenced",
      "the page was written anew, or has removed observers and listeners: they were added again, with a new snapshot",
    );
    if (alarms > 1) {
      distrustObserver();
    }
    if (alarms > MAX_ALARMS) {
      losePart("changes of the page", new Error("this page stops observers; there are snapshots instead"));
    }
    for (const unlisten of this.#listeners.splice(0)) {
      unlisten();
    }
    this.#listen();
    this.#window?.uploader.listen();
    this.#record(this.#policy, false);
    return true;
  };

  #ready(ready: RecordingReady, window: WindowUpload): void {
    if (ready.privacyPolicy === undefined) {
      throw new Error("the installation sent no privacy policy");
    }
    const policy = new AppliedPolicy(ready.privacyPolicy);
    this.#clockSkewMs = skewMs(ready, Date.now());
    this.#confirmed.add(policy.version);
    if (this.#shared !== undefined) {
      rememberPolicy(this.#shared, ready.privacyPolicy);
    }
    this.#discard(window);
    if (this.#window !== window) {
      return;
    }
    const before = this.#policy;
    if (before?.version !== policy.version) {
      this.#buffer.flush();
      this.#record(policy, before === undefined);
    }
  }

  /** Drops events recorded under a policy that no server has confirmed. */
  #discard(window: WindowUpload): void {
    const gone = window.queue.discard(this.#mayLeave);
    let waiting = 0;
    const version = this.#policy?.version;
    if (this.#window === window && version !== undefined && !this.#confirmed.has(version)) {
      gone.push(...this.#packQueue.takeBack(version));
      waiting = this.#buffer.clear();
    }
    if (gone.length + waiting === 0) {
      return;
    }
    const loss = gone.length > 0 ? lossOf("policy_changed", gone) : emptyLoss("policy_changed");
    const total = { ...loss, events: loss.events + waiting };
    this.#lost(total);
    window.queue.push(droppedEntry(total));
  }

  readonly #mayLeave = ({ policy }: Entry): boolean => policy === CONFIRMED || this.#confirmed.has(policy);

  #changed(window: WindowUpload): void {
    if (this.#window !== window) {
      return;
    }
    const { isFlowing, isAcknowledged, isProven } = window.uploader;
    if (isFlowing && this.#state !== "recording") {
      this.#notices.clear("unreachable");
      this.#setInterval(window.uploader.limits.flushIntervalMs);
      // Events buffered meanwhile were not cut by time, and possibly none follow.
      this.#buffer.flush();
    }
    if (isAcknowledged) {
      this.#state = "recording";
    } else if (isProven || this.#state !== "connecting") {
      // A new connection has to prove itself first.
      this.#state = isProven ? "offline" : "connecting";
    }
  }

  #command({ command }: RecorderCommand): void {
    switch (command?.$case) {
      case "flushInterval":
        this.#setInterval(milliseconds(command.value));
        break;
      case "takeFullSnapshot":
        this.#capture?.takeSnapshot();
        this.#buffer.flush();
        break;
      case "stop":
        this.#notices.report(
          "stopped",
          `the installation ended this recording: ${command.value.reason || "no reason given"}`,
        );
        this.#stopForSession();
        break;
      case undefined:
        break;
    }
  }

  #setInterval(wantedMs: number): void {
    const least = this.#window?.uploader.transportKind === "http" ? HTTP_FLUSH_MS : SHORTEST_FLUSH_MS;
    this.#intervalMs = Math.max(wantedMs, least);
    this.#buffer.setInterval(this.#intervalMs);
  }

  readonly #event = (event: eventWithTime): void => {
    this.#buffer.add(event);
  };

  readonly #unreadable = (event: eventWithTime): void => {
    this.#missing("unreadable", event.timestamp);
    this.#notices.report("unreadable", "an event could not be written as JSON and is missing in the recording");
  };

  readonly #failed = (error: unknown): void => {
    this.#missing("not_recorded", Date.now());
    this.#notices.report("not_recorded", `rrweb failed, and a change of the page is missing: ${String(error)}`);
  };

  /** Reports an event that is missing at this place, and takes a full snapshot. */
  #missing(reason: LossReason, timeMs: number): void {
    const loss: Loss = { reason, events: 1, bytes: 0, fromMs: timeMs, toMs: timeMs };
    this.#lost(loss);
    this.#buffer.add({ type: EventType.Custom, timestamp: timeMs, data: { tag: DROPPED_TAG, payload: loss } });
    this.#repair.lost(false);
  }

  readonly #gathered = (batch: Batch): void => {
    const window = this.#window;
    if (window === undefined || this.#policy === undefined) {
      return;
    }
    this.#packQueue.add(batch, this.#policy.version, window);
  };

  readonly #packed = (entries: readonly Entry[], { uploader, queue }: WindowUpload): void => {
    for (const entry of entries) {
      if (entry.loss === undefined) {
        continue;
      }
      this.#lost(entry.loss);
      this.#notices.report("too_large", `a part of this page is missing in the recording: ${entry.loss.detail ?? ""}`);
      if (this.#window?.queue === queue) {
        this.#repair.lost(entry.isSnapshotLost === true);
      }
    }
    uploader.push(...entries);
    this.#bound(queue, uploader, entries);
  };

  #bound(queue: SendQueue, uploader: Uploader, newest: readonly Entry[]): void {
    const { maxQueueBytes } = this.#options;
    const { dropped, needsSnapshot } = queue.shrink(newest);
    if (dropped > 0) {
      this.#droppedEvents += dropped;
      this.#notices.report(
        "queue_full",
        `the installation cannot be reached, and the queue is above ${maxQueueBytes} bytes: the oldest events were dropped`,
      );
    }
    // Intermediate snapshots, so that a full queue does not have to drop everything.
    const isLong = !uploader.isFlowing && queue.bytesSinceSnapshot > maxQueueBytes / 4;
    // A snapshot that is not packed yet counts; a second one would only use more of the queue.
    const isComing = this.#buffer.hasSnapshot || this.#packQueue.hasSnapshotOf(queue);
    if ((needsSnapshot || isLong) && !isComing && this.#window?.uploader === uploader) {
      this.#capture?.takeSnapshot();
    }
  }

  #queuedEvents(): number {
    return this.#buffer.events + this.#packQueue.events + (this.#window?.queue.events ?? 0);
  }

  #lost(loss: Loss): void {
    this.#droppedEvents += loss.events;
  }

  readonly #active = (): void => {
    const nowMs = Date.now();
    if (nowMs - this.#activityMs < ACTIVITY_MS) {
      return;
    }
    this.#activityMs = nowMs;
    if (this.#tracker?.isOver() === true) {
      this.#renew();
    }
    this.#tracker?.touch();
  };

  readonly #check = (): void => {
    if (this.#window !== undefined && this.#tracker?.isOver() === true) {
      this.#sleep();
    }
  };

  /** Ends the current session, and starts the next; returns its window, undefined: it is not recorded. */
  #renew(): WindowUpload | undefined {
    const policy = this.#policy;
    this.#finish();
    this.#tracker?.renew();
    if (!this.#mayRecord()) {
      return undefined;
    }
    const window = this.#open(false);
    if (policy !== undefined) {
      this.#record(policy, true);
    }
    return window;
  }

  /** Ends the current session; the visitor's next action starts another. */
  #sleep(): void {
    this.#finish();
    this.#state = "idle";
    const wake = this.#boundary.wrap(() => {
      for (const unlisten of waiting.splice(0)) {
        unlisten();
      }
      if (this.#state === "idle") {
        this.#renew();
      }
    });
    const waiting = WAKING.map((name) => listen(window, name, wake, { capture: true, passive: true }));
  }

  /** The installation takes no more chunks of a window. Gives up when that happens again and again. */
  #refused(window: WindowUpload, move: () => void): void {
    if (this.#window !== window) {
      this.#droppedEvents += window.queue.events; // It was over for this page anyway.
      return;
    }
    const nowMs = Date.now();
    this.#refusedMs = [...this.#refusedMs.filter((time) => time > nowMs - MINUTE_MS), nowMs];
    if (this.#refusedMs.length <= MAX_REFUSED) {
      move();
      return;
    }
    this.#notices.report("refused", `${this.#options.endpoint} refuses each window and session of this page`);
    this.#droppedEvents += window.queue.events;
    this.#end("stopped");
  }

  /** Takes another window in the same session: another tab records under this one's id, or it has ended. */
  #moveWindow(reason: LossReason): void {
    const lost = this.#takeUnsent();
    this.#tracker?.changeWindow();
    this.#continue(reason, lost);
  }

  /** Takes another session: the installation has this one from another visitor, or without this one's secret. */
  #moveSession(): void {
    const lost = this.#takeUnsent();
    this.#tracker?.renew();
    if (this.#mayRecord()) {
      this.#continue("window_refused", lost);
      return;
    }
    this.#capture?.stop();
    this.#capture = undefined;
    this.#window = undefined;
  }

  /** Returns the chunks of the window that is left, which belong to no other. */
  #takeUnsent(): readonly Entry[] {
    this.#buffer.flush();
    this.#packQueue.finishNow();
    return this.#window?.queue.entries ?? [];
  }

  /** Goes on in the tracker's window, with a report of the chunks that the last one did not take. */
  #continue(reason: LossReason, lost: readonly Entry[]): void {
    const policy = this.#policy;
    const window = this.#open(false);
    if (lost.some((entry) => entry.loss === undefined)) {
      const loss = lossOf(reason, lost);
      this.#lost(loss);
      window?.queue.push(droppedEntry(loss, Math.max(loss.fromMs, this.#tracker?.session.startMs ?? 0)));
    }
    if (policy !== undefined) {
      this.#record(policy, true);
    }
  }

  /** The installation stores no more of this session: continues with another one. */
  #replaceSession(full: WindowUpload): void {
    if (this.#window !== full) {
      return; // it has ended, and its last events are lost
    }
    const nowMs = Date.now();
    this.#notices.report(
      "session_full",
      "the session is larger or longer than the installation allows: a new one begins",
    );
    if (nowMs - this.#replacedMs < SHORTEST_SESSION_MS) {
      this.#end("stopped");
      return;
    }
    this.#replacedMs = nowMs;
    this.#buffer.flush();
    this.#packQueue.finishNow();
    const { entries } = full.queue;
    const next = this.#renew();
    if (entries.length > 0) {
      const loss = lossOf("session_full", entries);
      this.#lost(loss);
      next?.queue.push(droppedEntry(loss));
    }
  }

  #stopForSession(): void {
    this.#tracker?.stop();
    this.#buffer.clear();
    this.#window?.uploader.close();
    this.#end("stopped");
  }

  /** Sends the buffered events, marks the window as ended, and releases it. */
  #finish(): void {
    const window = this.#window;
    this.#buffer.flush();
    this.#capture?.stop();
    this.#capture = undefined;
    this.#window = undefined;
    if (window === undefined) {
      return;
    }
    for (const each of this.#finishing) {
      if (each.uploader.isOver) {
        this.#finishing.delete(each);
      }
    }
    this.#finishing.add(window);
    this.#boundary.start(async () => {
      await this.#packQueue.done;
      window.uploader.finish();
    });
  }

  #end(state: RecorderState): void {
    this.#finish();
    this.#state = state;
    for (const end of [...this.#ends.splice(0), ...this.#listeners.splice(0)]) {
      this.#boundary.run(end);
    }
  }

  #listen(): void {
    const hear = (target: EventTarget, name: string, work: (event: Event) => void): void => {
      this.#listeners.push(listen(target, name, this.#boundary.wrap(work)));
    };
    this.#leaving();
    this.#leaving = listen(window, "pagehide", this.#boundary.wrap(this.#leave));
    hear(window, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) {
        this.#return();
      }
    });
    hear(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        this.#buffer.flush();
      }
    });
  }

  readonly #leave = (): void => {
    if (this.#window !== undefined) {
      this.#buffer.flush();
    }
    this.#packQueue.finishNow();
    for (const other of this.#finishing) {
      this.#sendUnsent(other);
    }
    const window = this.#window;
    const tracker = this.#tracker;
    if (window === undefined || tracker === undefined || this.#tab === undefined) {
      return;
    }
    const { uploader, queue } = window;
    this.#sendUnsent(window);
    const { entries } = queue;
    const isKept =
      entries.length === 0 ||
      (!isFramed() && saveUnsent(this.#tab, windowKey(uploader.fields), entries, this.#mayLeave));
    if (isKept) {
      tracker.release();
    } else {
      tracker.abandon();
    }
    uploader.suspend();
  };

  #sendUnsent(window: WindowUpload): void {
    sendUnsent(window, `${this.#options.endpoint}record`, this.#tokens.present, this.#mayLeave);
  }

  /** The page returns from the browser's back/forward cache; other pages may have recorded in this window since. */
  #return(): void {
    const window = this.#window;
    if (window === undefined || this.#tab === undefined) {
      return;
    }
    if (!isFramed()) {
      takeUnsent(this.#tab, windowKey(window.uploader.fields));
    }
    this.#tracker?.hold();
    window.uploader.connect();
    this.#capture?.takeSnapshot();
  }
}

function windowKey(fields: StartFields): string {
  return `${fields.sessionId}/${fields.windowId}`;
}

function emptyLoss(reason: Loss["reason"]): Loss {
  const nowMs = Date.now();
  return { reason, events: 0, bytes: 0, fromMs: nowMs, toMs: nowMs };
}
