import type { eventWithTime } from "@rrweb/types";
import type { FrameChunk } from "../protocol";
import { cdataAsText } from "./cdata";

/** A chunk's events. */
export interface Inflated {
  events: eventWithTime[];
  /** Bytes of JSON. */
  rawBytes: number;
}

/**
 * Returns the events of a chunk, inflated as a stream.
 *
 * @throws If it is not gzip of a JSON array; elements that are not events are skipped.
 */
export async function inflate(chunk: FrameChunk): Promise<Inflated> {
  const { text, rawBytes } = chunk.isGzip ? await gunzip(chunk.payload) : decoded([new Uint8Array(chunk.payload)]);
  const events: unknown = JSON.parse(text);
  if (!Array.isArray(events)) {
    throw new TypeError("a chunk is not an array of events");
  }
  const found = events.filter(isEvent);
  cdataAsText(found);
  return { events: found, rawBytes };
}

// Written and read by hand: a Blob's stream would go through the browser's own process, which is slow.
async function gunzip(payload: ArrayBuffer): Promise<{ text: string; rawBytes: number }> {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const reader = readable.getReader();
  // The reader throws errors of the payload.
  writer.write(new Uint8Array(payload)).catch(() => undefined);
  writer.close().catch(() => undefined);
  const parts: Uint8Array[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
  }
  return decoded(parts);
}

function decoded(parts: readonly Uint8Array[]): { text: string; rawBytes: number } {
  const decoder = new TextDecoder();
  let text = "";
  let rawBytes = 0;
  for (const part of parts) {
    text += decoder.decode(part, { stream: true });
    rawBytes += part.byteLength;
  }
  return { text: text + decoder.decode(), rawBytes };
}

function isEvent(value: unknown): value is eventWithTime {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { type, timestamp } = value as Record<string, unknown>;
  return typeof type === "number" && Number.isFinite(timestamp);
}
