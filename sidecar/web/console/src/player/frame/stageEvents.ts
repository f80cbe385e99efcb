// The events of one stage, as the Replayer needs them: the meaning of an event depends on those before it.
import { EventType, type eventWithTime, IncrementalSource, NodeType } from "@rrweb/types";
import type { OddReason } from "../protocol";
import { isSize } from "./eventShape";
import { type Fields, isFields, listOf } from "./nodeShape";
import { shareOutStyleTexts } from "./styleTexts";

/** Size of a viewport that a recording has no usable size of, in CSS pixels. */
const USUAL_SIZE = { width: 1280, height: 720 };

/** Follows a window's events from a full snapshot on, in the order of recording. */
export class StageEvents {
  readonly #onOdd: (event: eventWithTime, reason: OddReason) => void;
  #href = "";
  #size: { width: number; height: number } | null = null;
  #hasPicture = false;
  /** Possible content of the page's nodes, by id; removed ones are kept, since changes of them may follow. */
  #nodes = new Map<number, Holds>();

  /** @param onOdd Called with an event that is left out, or of which a part is, and the reason. */
  constructor(onOdd: (event: eventWithTime, reason: OddReason) => void) {
    this.#onOdd = onOdd;
  }

  /**
   * Returns the next events as the Replayer needs them.
   *
   * A Meta event is the beginning of a seek in the Replayer: one without a snapshot after it would lose the picture,
   * and a snapshot without one has no size. So each snapshot gets its own, and the others only resize the viewport.
   */
  next(events: readonly eventWithTime[]): eventWithTime[] {
    return events.flatMap((event) => {
      switch (event.type) {
        case EventType.Meta:
          this.#href = event.data.href;
          return this.#resized(event, event.data);
        case EventType.FullSnapshot: {
          this.#hasPicture = true;
          this.#nodes = new Map();
          this.#know(event.data.node);
          const size = this.#size ?? sizeIn(events) ?? USUAL_SIZE;
          this.#size = size;
          const meta: eventWithTime = {
            type: EventType.Meta,
            data: { href: this.#href, ...size },
            timestamp: event.timestamp,
          };
          return [meta, event];
        }
        case EventType.IncrementalSnapshot:
          return this.#incremental(event);
        default:
          return [event];
      }
    });
  }

  #incremental(event: Extract<eventWithTime, { type: EventType.IncrementalSnapshot }>): eventWithTime[] {
    const { data } = event;
    if (data.source === IncrementalSource.ViewportResize) {
      return this.#resized(event, data);
    }
    // Before the first snapshot there is nothing to change.
    if (!this.#hasPicture) {
      return [];
    }
    if (data.source !== IncrementalSource.Mutation) {
      return [event];
    }
    // A child may come before its parent.
    for (const { node } of data.adds) {
      this.#know(node);
    }
    const reasons = new Set<OddReason>();
    data.adds = data.adds.filter(({ parentId, node }) => {
      const reason = misplaced(this.#nodes.get(parentId), node);
      if (reason !== null) {
        reasons.add(reason);
      }
      return reason === null;
    });
    for (const reason of reasons) {
      this.#onOdd(event, reason);
    }
    shareOutStyleTexts(data.adds);
    return [event];
  }

  #resized(event: eventWithTime, size: { width: number; height: number }): eventWithTime[] {
    const { width, height } = size;
    if (!isSize({ width, height }) || (this.#size?.width === width && this.#size.height === height)) {
      return [];
    }
    this.#size = { width, height };
    return this.#hasPicture ? [resize(event.timestamp, width, height)] : [];
  }

  #know(root: unknown): void {
    const pending: unknown[] = [root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const { id, childNodes } = node as Fields;
      this.#nodes.set(Number(id), contentOf(node as Fields));
      pending.push(...listOf(childNodes));
    }
  }
}

type Holds = "document" | "page" | "nodes" | "nothing";

function contentOf({ type, tagName }: Fields): Holds {
  if (type === NodeType.Element) {
    return String(tagName).toLowerCase() === "iframe" ? "document" : "nodes";
  }
  return type === NodeType.Document ? "page" : "nothing";
}

/** Returns why a node cannot be added to its parent, of which `parent` is undefined if it is not known; null: it can. */
function misplaced(parent: Holds | undefined, node: { type: NodeType }): OddReason | null {
  if (node.type === NodeType.Document) {
    // The Replayer would build the document in place of the whole page (rrweb-io/rrweb#1414). A frame that is not known
    // yet may follow: the Replayer waits for it.
    return parent === undefined || parent === "document" ? null : "misplaced-document";
  }
  // A document has one element.
  const isPage = node.type === NodeType.DocumentType || node.type === NodeType.Comment || isHtml(node);
  return parent === undefined || parent === "nothing" || (parent === "page" && !isPage) ? "misplaced-node" : null;
}

function isHtml({ tagName }: { type: NodeType; tagName?: unknown }): boolean {
  return typeof tagName === "string" && tagName.toLowerCase() === "html";
}

/** Returns the first usable size in events. */
function sizeIn(events: readonly eventWithTime[]): { width: number; height: number } | null {
  for (const { type, data } of events as readonly { type: EventType; data: unknown }[]) {
    const isResize =
      type === EventType.IncrementalSnapshot && isFields(data) && data.source === IncrementalSource.ViewportResize;
    if (isFields(data) && (type === EventType.Meta || isResize) && isSize(data)) {
      return { width: Number(data.width), height: Number(data.height) };
    }
  }
  return null;
}

function resize(timestamp: number, width: number, height: number): eventWithTime {
  return {
    type: EventType.IncrementalSnapshot,
    data: { source: IncrementalSource.ViewportResize, width, height },
    timestamp,
  };
}
