// rrweb's recorder under a privacy policy.
import { record } from "@rrweb/record";
import { getRecordNetworkPlugin } from "@rrweb/rrweb-plugin-network-record";
import { EventType, IncrementalSource, type eventWithTime, type RecordPlugin } from "@rrweb/types";
import type { AppliedPolicy } from "../masking/policy";
import type { ResolvedOptions } from "../options";
import type { ErrorBoundary } from "../support/errorBoundary";
import { startPart } from "../support/parts";
import { AdoptedSheets } from "./adoptedSheets";
import { placeBefore } from "./clickPlace";
import { consolePlugin } from "./consoleMessages";
import { splitDeepTree } from "./deepTrees";
import { Fullscreen } from "./fullscreen";
import { Hooks } from "./hooks";
import { isOfPage } from "./layers";
import { PageWatch } from "./page";

/** Callbacks of a capture. */
export interface CaptureEvents {
  readonly onEvent: (event: eventWithTime) => void;
  /** The visitor does something. */
  readonly onActivity: () => void;
  /** rrweb could not record something: events or a snapshot are missing. */
  readonly onFailed: (error: unknown) => void;
}

/** Sources of user activity; the server has the same list (services/audit/rrweb.py, ACTIVE_SOURCES). */
const ACTIVE: ReadonlySet<IncrementalSource> = new Set([
  IncrementalSource.MouseMove,
  IncrementalSource.MouseInteraction,
  IncrementalSource.Scroll,
  IncrementalSource.ViewportResize,
  IncrementalSource.Input,
  IncrementalSource.TouchMove,
  IncrementalSource.MediaInteraction,
  IncrementalSource.Drag,
]);

/** Maximum share of the page's time spent on snapshots on command. */
const SNAPSHOT_SHARE = 0.05;
/** Number of elements above which a page is slow to record, and its maintainer is warned. */
export const MANY_ELEMENTS = 50_000;

/** Records from construction until `stop`. */
export class Capture {
  readonly #options: ResolvedOptions;
  readonly #events: CaptureEvents;
  readonly #boundary: ErrorBoundary;
  readonly #page: PageWatch | undefined;
  readonly #hooks: Hooks | undefined;
  readonly #sheets: AdoptedSheets | undefined;
  readonly #fullscreen: Fullscreen | undefined;
  readonly #stop: (() => void) | undefined;
  #snapshotAtMs = 0;
  #snapshotCostMs = 0;
  #wanted: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(options: ResolvedOptions, policy: AppliedPolicy, events: CaptureEvents, boundary: ErrorBoundary) {
    this.#options = options;
    this.#events = events;
    this.#boundary = boundary;
    this.#page = startPart<PageWatch | undefined>(
      "sizes and addresses of the page",
      () => new PageWatch(addCustomEvent, idOf, boundary, (url) => policy.rules.url(url)),
      undefined,
    );
    const emit = (event: eventWithTime): void => {
      this.#take(event);
    };
    const wrap = (work: () => void): (() => void) => boundary.wrap(work);
    this.#fullscreen = startPart<Fullscreen | undefined>(
      "elements in fullscreen",
      () => new Fullscreen(emit, idOf, wrap),
      undefined,
    );
    this.#sheets = startPart<AdoptedSheets | undefined>(
      "changes of adopted style sheets",
      () => new AdoptedSheets(emit, idOf, wrap),
      undefined,
    );
    this.#hooks = startPart<Hooks | undefined>("care for other tools", () => new Hooks(options.canvas), undefined);
    const beganMs = performance.now();
    this.#stop = this.#within(() => this.#start(policy));
    this.#sheets?.take(document);
    if (this.#stop === undefined) {
      events.onFailed(new Error("the first snapshot of the page failed"));
    }
    this.#snapshotCostMs = performance.now() - beganMs;
  }

  /** Starts rrweb; returns the function that ends it, undefined: it has failed. */
  #start(policy: AppliedPolicy): (() => void) | undefined {
    const options = this.#options;
    const boundary = this.#boundary;
    return record({
      emit: boundary.wrap((event: eventWithTime) => {
        this.#take(event);
      }),
      recordAfter: "DOMContentLoaded",
      userTriggeredOnInput: true,
      recordCanvas: options.canvas,
      collectFonts: false,
      // Scripts, comments and metadata for search engines are of no use in a replay.
      slimDOMOptions: { ...SLIM },
      plugins: this.#plugins(policy),
      errorHandler: (error: unknown) => {
        if (!isOfPage(error)) {
          this.#events.onFailed(error);
        }
        return true;
      },
      ...policy.masking,
      ...({ isReadable: true } as object), // recorder/patches.ts
    });
  }

  /** Runs rrweb's code that installs or removes its hooks. */
  #within<T>(work: () => T): T {
    return this.#hooks === undefined ? work() : this.#hooks.within(work);
  }

  /** Whether rrweb has started: it reports an error of its own on the console only. */
  get isStarted(): boolean {
    return this.#stop !== undefined;
  }

  /** Duration of the latest full snapshot, in milliseconds. */
  get snapshotCostMs(): number {
    return this.#snapshotCostMs;
  }

  /** Takes a full snapshot: now, or as soon as SNAPSHOT_SHARE allows it. */
  takeSnapshot(): void {
    if (this.#isOver || this.#wanted !== undefined) {
      return;
    }
    const waitMs = this.#snapshotAtMs + this.#snapshotCostMs / SNAPSHOT_SHARE - performance.now();
    if (waitMs <= 0) {
      this.#snapshot();
    } else {
      this.#wanted = setTimeout(() => {
        this.#wanted = undefined;
        this.#snapshot();
      }, waitMs);
    }
  }

  /** Ends the recording; rrweb removes its observers from the page. */
  stop(): void {
    this.#isOver = true;
    if (this.#wanted !== undefined) {
      clearTimeout(this.#wanted);
    }
    this.#page?.stop();
    this.#fullscreen?.end();
    this.#boundary.run(() => {
      this.#within(() => this.#stop?.());
    });
    this.#boundary.run(() => {
      this.#hooks?.end();
      this.#sheets?.end();
    });
  }

  #take(event: eventWithTime): void {
    if (this.#isOver) {
      return;
    }
    if (event.type === EventType.IncrementalSnapshot && ACTIVE.has(event.data.source)) {
      this.#events.onActivity();
      // The activity may have started another session; that session's first snapshot includes it.
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the call may end this
      if (this.#isOver) {
        return;
      }
    }
    const place = this.#boundary.run(() => placeBefore(event, findNode));
    if (place !== undefined && place !== null) {
      this.#events.onEvent(place);
    }
    const deeper = splitDeepTree(event);
    this.#events.onEvent(event);
    if (deeper !== undefined) {
      this.#events.onEvent(deeper);
    }
    if (event.type === EventType.FullSnapshot) {
      this.#snapshotAtMs = performance.now();
      this.#page?.measureSoon();
      this.#fullscreen?.again();
    } else if (event.type === EventType.IncrementalSnapshot && "isAttachIframe" in event.data) {
      this.#frame(event.data.adds[0]?.parentId ?? 0);
    }
  }

  #snapshot(): void {
    if (this.#isOver) {
      return;
    }
    const beganMs = performance.now();
    try {
      this.#within(() => {
        record.takeFullSnapshot();
      });
    } catch (error) {
      // Without a document yet, the first snapshot is still to come.
      if (error instanceof RangeError) {
        this.#events.onFailed(error);
      }
      return;
    }
    this.#snapshotCostMs = performance.now() - beganMs;
  }

  /** rrweb is about to record the document of a frame. */
  #frame(id: number): void {
    const realm = (findNode(id) as HTMLIFrameElement | null)?.contentWindow as (Window & typeof globalThis) | null;
    if (realm?.document !== undefined) {
      this.#hooks?.frame(realm);
      this.#sheets?.watch(realm);
    }
  }

  #plugins(policy: AppliedPolicy): RecordPlugin[] {
    const plugins: RecordPlugin[] = [];
    if (this.#options.console) {
      plugins.push(guarded("the console", consolePlugin(this.#boundary)));
    }
    if (this.#options.network) {
      const { endpoint } = this.#options;
      // Without headers and bodies, it does not patch fetch and XMLHttpRequest: it reads the browser's measurements.
      const plugin = getRecordNetworkPlugin({
        recordHeaders: false,
        recordBody: false,
        transformRequestFn: (request) =>
          OWN_PATHS.some((path) => request.name === endpoint + path)
            ? undefined
            : { ...request, name: policy.rules.url(request.name) },
      });
      plugins.push(guarded("requests", plugin));
    }
    return plugins;
  }
}

/** A plugin that fails to start (no PerformanceObserver, a frozen console) must not prevent the recording. */
function guarded(part: string, plugin: RecordPlugin): RecordPlugin {
  const { observer } = plugin;
  return observer === undefined
    ? plugin
    : {
        ...plugin,
        observer: (callback, win, options) => startPart(part, () => observer(callback, win, options), noop),
      };
}

function noop(): void {
  // Nothing was started, so there is nothing to end.
}

const OWN_PATHS = ["token", "record", "ws/record", "recorder.js"];
const SLIM = {
  script: true,
  comment: true,
  headFavicon: true,
  headMetaSocial: true,
  headMetaRobots: true,
  headMetaHttpEquiv: true,
  headMetaVerification: true,
};

function addCustomEvent(tag: string, payload: unknown): void {
  try {
    record.addCustomEvent(tag, payload);
  } catch {
    // Recording has not started, or has ended.
  }
}

function idOf(node: Node): number {
  return record.mirror.getId(node);
}

/** Returns the node of an id in the recording; null: it was removed, or never existed. */
export function findNode(id: number): Node | null {
  return record.mirror.getNode(id);
}

/** Whether a node has an id in the recording. */
export function isKnownNode(node: Node): boolean {
  return record.mirror.getId(node) !== -1;
}
