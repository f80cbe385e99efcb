// Carries out the console's commands. Chunks take time to inflate, and hundreds of them may be in flight: all other
// commands are carried out first, so that a seek never waits for chunks that it does not need.
import { EventType, type eventWithTime } from "@rrweb/types";
import type { Command, FrameChunk, Layout, Report } from "../protocol";
import { cut, readFacts } from "./facts";
import { inflate } from "./inflate";
import { MissingFilesWatch } from "./missingFiles";
import { Stage } from "./stage";

/** Interval of time reports while playing, in milliseconds. */
const TELL_MS = 50;

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
  #order = 0;
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
          this.#stage?.append(events);
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
        this.#stage?.seek(command.atMs, command.isPlaying);
        this.#hasPicture();
        this.#shown(command.atMs);
        break;
      case "play":
        this.#isPlaying = true;
        this.#stage?.play();
        break;
      case "pause":
        this.#isPlaying = false;
        this.#stage?.pause();
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
    const events = read.flat();
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
    const stage = new Stage(withMeta(events), command.atMs, command.speed, this.#missing, (width, height) => {
      if (this.#stage === stage || this.#stage === old) {
        this.#resized(width, height);
      }
    });
    // Built beneath the old one, so that the replacement does not flicker.
    stage.element.hidden = true;
    stage.seek(command.atMs, command.isPlaying);
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
    const { events, rawBytes } = await inflate(chunk);
    this.#tell({ type: "facts", stage, facts: { ...readFacts(chunk.windowId, chunk.seq, events), rawBytes } });
    return events;
  }

  #shown(atMs: number): void {
    const order = this.#order;
    // After the frame in which the browser draws it.
    requestAnimationFrame(() => {
      setTimeout(() => {
        this.#tell({ type: "shown", order, atMs, hasPicture: this.#hasPicture() });
      });
    });
  }

  readonly #tick = (nowMs: number): void => {
    if (this.#isPlaying && this.#stage !== null && nowMs - this.#toldMs >= TELL_MS) {
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
      frame?.setAttribute("width", String(this.#layout.width));
      frame?.setAttribute("height", String(this.#layout.height));
      // The visitor scrolled a page that is higher than its reported height.
      frame?.contentWindow?.scrollTo({ left: 0, top: 0, behavior: "instant" });
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

/** rrweb shows a snapshot in the size of the Meta event before it; a recording may begin without one. */
function withMeta(events: eventWithTime[]): eventWithTime[] {
  const snapshot = events.find((event) => event.type === EventType.FullSnapshot);
  if (snapshot === undefined || events.some((event) => event.type === EventType.Meta)) {
    return events;
  }
  const meta: eventWithTime = {
    type: EventType.Meta,
    data: { href: "", width: 1280, height: 720 },
    timestamp: snapshot.timestamp,
  };
  return [...events.slice(0, events.indexOf(snapshot)), meta, ...events.slice(events.indexOf(snapshot))];
}
