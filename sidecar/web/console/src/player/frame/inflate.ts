import type { eventWithTime } from "@rrweb/types";
import type { FrameChunk } from "../protocol";

/** A chunk's events. */
export interface Inflated {
  events: eventWithTime[];
  /** Bytes of JSON. */
  rawBytes: number;
}

/**
 * Returns the events of a chunk, inflated as a stream: there is never more of it in memory than its text.
 *
 * @throws If it is not gzip of a JSON array; what in the array is no event is left out.
 */
export async function inflate(chunk: FrameChunk): Promise<Inflated> {
  const packed = new Blob([chunk.payload]).stream();
  const stream = chunk.isGzip ? packed.pipeThrough(new DecompressionStream("gzip")) : packed;
  const bytes = await new Response(stream).arrayBuffer();
  const events: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!Array.isArray(events)) throw new TypeError("a chunk is not an array of events");
  return { events: events.filter(isEvent), rawBytes: bytes.byteLength };
}

function isEvent(value: unknown): value is eventWithTime {
  if (typeof value !== "object" || value === null) return false;
  const { type, timestamp } = value as Record<string, unknown>;
  return typeof type === "number" && typeof timestamp === "number";
}
