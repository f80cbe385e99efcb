// Carries out the console's commands. Chunks take time to inflate, and hundreds of them may be in flight: all other
// commands are carried out first, so that a seek never waits for chunks that it does not need.
import { EventType, type eventWithTime } from "@rrweb/types";
import type { Command, FrameChunk, Layout, OddReason, Report } from "../protocol";
import { cut, readFacts } from "./facts";
import { inflate } from "./inflate";
import { MissingFilesWatch } from "./missingFiles";
import { showWholePage } from "./pagePicture";
import { Stage } from "./stage";
import { StageEvents } from "./stageEvents";

/** Interval of time reports while playing, in milliseconds. */
const TELL_MS = 50;

/** Events of a chunk that are reported as left out, at most. */
const MOST_ODD = 1_000;

/** One replay in this document. */
export class FrameController {
  readonly #port: MessagePort;
  readonly #missing = new MissingFilesWatch((missing) => {
    this.#tell({ type: "missing", missing });
  });
  readonly #orders: Command[] = [];
  readonly #chunks: Extract<Command, { type: "append" | "read" }>[] = [];
  #isBusy = false;
  #wanted = 0;
  #stage: Stage | null = null;
  #stageNumber = 0;
  #windowId = "";
  #events = this.#newEvents();
  /** Where each event of the stage is in its recording. */
  #places = new WeakMap<eventWithTime, { windowId: string; seq: number; index: number }>();
  /** URL of the latest page that was read, by window. */
  readonly #pages = new Map<string, string>();
  #order = 0;
  /** The latest order with a picture on the screen: time passes, and is reported, only from then on. */
  #shownOrder = 0;
  #isPlaying = false;
  #toldMs = 0;
  #layout: Layout = { kind: "contain" };
  #size = { width: 0, height: 0 };

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Listens from now on. */
  begin(): void {
    this.#port.onmessage = (event: MessageEvent<Command>) => {
      const command = event.data;
      // A newer stage makes the work on older ones needless.
      if (command.type === "stage") {
        this.#wanted = command.stage;
      }
      if (command.type === "append" || command.type === "read") {
        this.#chunks.push(command);
      } else {
        this.#orders.push(command);
      }
      if (!this.#isBusy) {
        void this.#work();
      }
    };
    window.addEventListener("resize", () => {
      this.#fit();
    });
    this.#tell({ type: "ready" });
    requestAnimationFrame(this.#tick);
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let command = this.#next(); command !== undefined; command = this.#next()) {
      try {
        await this.#perform(command);
      } catch (error) {
        this.#tell({ type: "fault", fault: "unreadable", message: cut(String(error)) });
      }
    }
    this.#isBusy = false;
  }

  #next(): Command | undefined {
    const order = this.#orders.shift();
    if (order !== undefined) {
      return order;
    }
    const own = this.#chunks.findIndex((chunk) => chunk.type === "append" && chunk.stage === this.#stageNumber);
    return this.#chunks.splice(Math.max(0, own), 1)[0];
  }

  async #perform(command: Command): Promise<void> {
    switch (command.type) {
      case "stage":
        await this.#build(command);
        break;
      case "append": {
        const isCurrent = command.stage === this.#stageNumber;
        const events = await this.#read(command.chunk, isCurrent ? command.stage : 0);
        if (command.stage === this.#stageNumber) {
          this.#stage?.append(this.#events.next(events));
        }
        break;
      }
      case "read":
        await this.#read(command.chunk, 0);
        break;
      case "seek":
        // Of many seeks, as when the playhead is dragged, only the last one counts.
        if (this.#orders.some((later) => later.type === "seek" || later.type === "stage")) {
          break;
        }
        this.#order = command.order;
        this.#isPlaying = command.isPlaying;
        this.#stage?.seek(command.atMs);
        this.#hasPicture();
        this.#shown(command.atMs);
        break;
      case "play":
        this.#isPlaying = true;
        if (this.#shownOrder === this.#order) {
          this.#stage?.play();
        }
        break;
      case "pause":
        this.#isPlaying = false;
        if (this.#stage !== null) {
          this.#stage.pause();
          const { nowMs: atMs } = this.#stage;
          this.#tell({ type: "paused", order: this.#order, atMs, hasPicture: this.#hasPicture() });
        }
        break;
      case "speed":
        this.#stage?.setSpeed(command.speed);
        break;
      case "layout":
        this.#layout = command.layout;
        this.#fit();
        break;
      case "clear":
        this.#stage?.destroy();
        this.#stage = null;
        break;
    }
  }

  async #build(command: Extract<Command, { type: "stage" }>): Promise<void> {
    if (command.stage !== this.#wanted) {
      // The console waits for their facts all the same.
      this.#chunks.push(...command.chunks.map((chunk) => ({ type: "read" as const, chunk })));
      return;
    }
    const read = await Promise.all(
      command.chunks.map((chunk) =>
        this.#read(chunk, command.stage).catch((error: unknown) => {
          // The other chunks may still give a picture.
          this.#tell({ type: "fault", fault: "unreadable", message: cut(String(error)) });
          return [];
        }),
      ),
    );
    if (command.stage !== this.#wanted) {
      return;
    }
    this.#windowId = command.chunks[0]?.windowId ?? "";
    this.#events = this.#newEvents();
    const events = this.#events.next(read.flat());
    const old = this.#stage;
    this.#stageNumber = command.stage;
    this.#order = command.order;
    this.#isPlaying = command.isPlaying;
    if (!events.some((event) => event.type === EventType.FullSnapshot)) {
      this.#stage = null;
      old?.destroy();
      this.#tell({ type: "fault", fault: "no-snapshot", message: "the chunks hold no full snapshot" });
      return;
    }
    const stage = new Stage(
      events,
      command.atMs,
      command.speed,
      this.#missing,
      (width, height) => {
        if (this.#stage === stage || this.#stage === old) {
          this.#resized(width, height);
        }
      },
      (event) => {
        this.#leftOut(event, "exception");
      },
    );
    // Built beneath the old one, so that the replacement does not flicker.
    stage.element.hidden = true;
    stage.seek(command.atMs);
    this.#stage = stage;
    this.#hasPicture();
    requestAnimationFrame(() => {
      stage.element.hidden = false;
      old?.destroy();
      this.#fit();
    });
    this.#shown(command.atMs);
  }

  async #read(chunk: FrameChunk, stage: number): Promise<eventWithTime[]> {
    const { windowId, seq } = chunk;
    const { events, places, shiftsMs, oddEvents, rawBytes } = await inflate(chunk);
    // The page views of a live session may not be known yet.
    const page = chunk.page || (this.#pages.get(windowId) ?? "");
    const read = readFacts(windowId, seq, events, shiftsMs, page);
    const facts = { ...read, oddEvents: oddEvents.slice(0, MOST_ODD), rawBytes };
    this.#tell({ type: "facts", stage, facts });
    for (const [at, event] of events.entries()) {
      this.#places.set(event, { windowId, seq, index: places[at] ?? at });
      if (event.type === EventType.Meta) {
        this.#pages.set(windowId, event.data.href);
      }
    }
    return events;
  }

  #newEvents(): StageEvents {
    return new StageEvents((event, reason) => {
      this.#leftOut(event, reason);
    });
  }

  /** Reports an event that the stage cannot show, or not entirely; null: one around this moment. */
  #leftOut(event: eventWithTime | null, reason: OddReason): void {
    const place = event === null ? undefined : this.#places.get(event);
    const timeMs = event?.timestamp ?? this.#stage?.nowMs;
    if (timeMs !== undefined) {
      const unknown = { windowId: this.#windowId, seq: 0, index: 0 };
      this.#tell({ type: "odd", oddEvent: { ...(place ?? unknown), timeMs, reason, isPart: true } });
    }
  }

  #shown(atMs: number): void {
    const order = this.#order;
    // After the frame in which the browser draws it.
    requestAnimationFrame(() => {
      setTimeout(() => {
        const drawnMs = performance.timeOrigin + performance.now();
        this.#tell({ type: "shown", order, atMs, hasPicture: this.#hasPicture(), drawnMs });
        if (order !== this.#order) {
          return;
        }
        this.#shownOrder = order;
        // Only now: the time for the picture is not part of the recording.
        if (this.#isPlaying) {
          this.#stage?.play();
        }
      });
    });
  }

  readonly #tick = (nowMs: number): void => {
    const isTime = this.#isPlaying && this.#shownOrder === this.#order;
    if (isTime && this.#stage !== null && nowMs - this.#toldMs >= TELL_MS) {
      this.#toldMs = nowMs;
      const hasPicture = this.#hasPicture();
      this.#tell({ type: "time", order: this.#order, atMs: this.#stage.nowMs, hasPicture });
    }
    requestAnimationFrame(this.#tick);
  };

  /** Whether there is a picture yet; a later one is not shown. */
  #hasPicture(): boolean {
    const hasPicture = this.#stage?.hasPicture === true;
    this.#stage?.element.classList.toggle("early", !hasPicture);
    return hasPicture;
  }

  #resized(width: number, height: number): void {
    this.#size = { width, height };
    this.#tell({ type: "size", width, height });
    this.#fit();
  }

  #fit(): void {
    const element = this.#stage?.element;
    if (element === undefined || this.#size.width === 0) {
      return;
    }
    document.body.classList.toggle("page", this.#layout.kind === "page");
    if (this.#layout.kind === "page") {
      const frame = element.querySelector("iframe");
      if (frame !== null) {
        showWholePage(frame, this.#layout, this.#size);
      }
      const scale = document.documentElement.clientWidth / this.#layout.width;
      element.style.transform = `scale(${scale})`;
      return;
    }
    const { width, height } = this.#size;
    const scale = Math.min(window.innerWidth / width, window.innerHeight / height);
    const left = Math.max(0, (window.innerWidth - width * scale) / 2);
    const top = Math.max(0, (window.innerHeight - height * scale) / 2);
    element.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  #tell(report: Report): void {
    this.#port.postMessage(report);
  }
}
