import type { eventWithTime } from "@rrweb/types";
import { decoded, gunzip } from "../gunzip";
import type { FrameChunk, OddEvent } from "../protocol";
import { checkEvent } from "./eventShape";
import { playTimes } from "./playTime";
import { repeats } from "./repeated";

/** A chunk's events, as they can be played. */
export interface Inflated {
  /** In the order of recording, with the times at which they are played. */
  events: eventWithTime[];
  /** Events that are left out, or of which a part is. */
  oddEvents: OddEvent[];
  /** Position of each event in the chunk. */
  places: number[];
  /** Milliseconds by which each event is played after its own timestamp: the visitor's clock was set back. */
  shiftsMs: number[];
  /** Bytes of JSON. */
  rawBytes: number;
}

/**
 * Returns the events of a chunk, inflated as a stream.
 *
 * @throws If it is not gzip of a JSON array.
 */
export async function inflate(chunk: FrameChunk): Promise<Inflated> {
  const { text, rawBytes } = chunk.isGzip ? await gunzip(chunk.payload) : decoded([new Uint8Array(chunk.payload)]);
  const elements: unknown = JSON.parse(text);
  if (!Array.isArray(elements)) {
    throw new TypeError("a chunk is not an array of events");
  }
  return { ...playable(elements, chunk), rawBytes };
}

/** Returns the elements of a chunk that can be played, and those that cannot. */
export function playable(elements: readonly unknown[], { windowId, seq, firstMs, lastMs }: ChunkTimes): Playable {
  const oddEvents: OddEvent[] = [];
  const note = (index: number, timeMs: number, reason: OddEvent["reason"], isPart: boolean): void => {
    oddEvents.push({ windowId, seq, index, timeMs, reason, isPart });
  };
  const recorded: [number, eventWithTime][] = [];
  for (const [index, element] of elements.entries()) {
    if (isEvent(element)) {
      recorded.push([index, element]);
    } else {
      note(index, firstMs, "not-an-event", false);
    }
  }
  const found = recorded.map(([, event]) => event);
  const times = playTimes(
    found.map((event) => event.timestamp),
    firstMs,
    lastMs,
  );
  const isRepeated = repeats(found);
  const [events, places, shiftsMs]: [eventWithTime[], number[], number[]] = [[], [], []];
  for (const [at, [index, event]] of recorded.entries()) {
    if (isRepeated[at] === true) {
      continue;
    }
    const timeMs = times[at] ?? firstMs;
    const { isShown, reason } = checkEvent(event);
    if (reason !== null) {
      note(index, timeMs, reason, isShown);
    }
    if (isShown) {
      events.push(event);
      places.push(index);
      shiftsMs.push(timeMs - event.timestamp);
      event.timestamp = timeMs;
    }
  }
  return { events, places, shiftsMs, oddEvents };
}

type ChunkTimes = Omit<FrameChunk, "isGzip" | "page" | "payload">;
type Playable = Omit<Inflated, "rawBytes">;

function isEvent(value: unknown): value is eventWithTime {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { type, timestamp } = value as Record<string, unknown>;
  return typeof type === "number" && Number.isFinite(timestamp);
}
