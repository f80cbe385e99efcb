// Serialization of the recorder's messages: protos/afterimage/audit/v1/audit_service.proto, RecordSession.
import {
  RecordSessionRequest,
  RecordSessionResponse,
  type RecordingReady,
  type RecordingStart,
} from "@messages/audit/v1/audit_service";
import { ActorType, ChunkEncoding, DeviceType } from "@messages/recording/v1/enums";
import type { Entry } from "./entry";

const RECORDER_NAME = "afterimage-web";
const RECORDER_VERSION = "0.1.0";

/** Fields of `start` about the visitor and the page. */
export interface StartFields {
  readonly sessionId: string;
  readonly windowId: string;
  readonly actorId: string;
  readonly secret: string;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Returns the message `start`. It is sent before the policy is known, so the address has no query.
 *
 * @param separateStreams - Whether the end of its stream does not mean that the visitor has left.
 */
export function startMessage(fields: StartFields, nowMs: number, separateStreams = false): Uint8Array {
  const value: RecordingStart = {
    sessionId: fields.sessionId,
    windowId: fields.windowId,
    recorderName: RECORDER_NAME,
    recorderVersion: RECORDER_VERSION,
    actorId: fields.actorId,
    sessionSecret: fields.secret,
    tags: { ...fields.tags },
    userAgent: navigator.userAgent,
    deviceType: isPad() ? DeviceType.TABLET : DeviceType.UNSPECIFIED,
    viewport: { width: pixels(window.innerWidth), height: pixels(window.innerHeight) },
    screen: { width: pixels(window.screen.width), height: pixels(window.screen.height) },
    language: navigator.language.slice(0, 35),
    firstUrl: `${location.origin}${location.pathname}`.slice(0, 2048),
    clientTime: { seconds: BigInt(Math.floor(nowMs / 1000)), nanos: Math.floor(nowMs % 1000) * 1e6 },
    separateStreams,
    // The rest is for others than browsers.
    actorType: ActorType.UNSPECIFIED,
    imported: false,
  };
  return written({ $case: "start", value });
}

/** An iPad has the user agent of a Mac, and no Mac has a touch screen. The server derives all others. */
function isPad(): boolean {
  return navigator.userAgent.includes("Macintosh") && navigator.maxTouchPoints > 1;
}

function pixels(size: number): number {
  return Math.max(0, Math.round(size));
}

/** Returns the message of a chunk, which must have its seq. */
export function chunkMessage(entry: Entry): Uint8Array {
  const { payload } = entry;
  const encoding = entry.isGzip ? ChunkEncoding.GZIP : ChunkEncoding.IDENTITY;
  return written({ $case: "chunk", value: { seq: BigInt(entry.seq), encoding, payload, eventCount: entry.events } });
}

/** Returns the message `end`. */
export function endMessage(lastSeq: number): Uint8Array {
  return written({ $case: "end", value: { lastSeq: BigInt(lastSeq) } });
}

function written(message: NonNullable<RecordSessionRequest["message"]>): Uint8Array {
  return RecordSessionRequest.encode({ message }).finish();
}

/** Returns the server's message; throws if the bytes are not one. */
export function parseResponse(bytes: Uint8Array): RecordSessionResponse {
  return RecordSessionResponse.decode(bytes);
}

/** Returns each message preceded by its length as a varint, the format of POST /record. */
export function delimited(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  return messages.flatMap((message) => [varint(message.length), new Uint8Array(message)]);
}

/** Returns the messages of a body in that format; throws if it is truncated. */
export function undelimited(body: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at < body.length) {
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = body[at];
      if (byte === undefined) {
        throw new Error("the response is truncated");
      }
      at += 1;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        break;
      }
    }
    if (at + length > body.length) {
      throw new Error("the response is truncated");
    }
    messages.push(body.subarray(at, at + length));
    at += length;
  }
  return messages;
}

function varint(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) | 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** Limits of a server, in bytes and milliseconds. */
export interface Limits {
  readonly maxChunkBytes: number;
  readonly maxInflatedBytes: number;
  readonly maxUnackedBytes: number;
  readonly flushIntervalMs: number;
}

/** The contract's defaults, in effect until a server sends its own. */
export const DEFAULT_LIMITS: Limits = {
  maxChunkBytes: 4 * 1024 * 1024,
  maxInflatedBytes: 64 * 1024 * 1024,
  maxUnackedBytes: 8 * 1024 * 1024,
  flushIntervalMs: 2000,
};

/** Returns the limits in `ready`; missing limits have the contract's defaults. */
export function limitsOf(ready: RecordingReady): Limits {
  const told = ready.limits;
  if (told === undefined) {
    return DEFAULT_LIMITS;
  }
  return {
    maxChunkBytes: Number(told.maxChunkBytes) || DEFAULT_LIMITS.maxChunkBytes,
    maxInflatedBytes: Number(told.maxInflatedBytes) || DEFAULT_LIMITS.maxInflatedBytes,
    maxUnackedBytes: Number(told.maxUnackedBytes) || DEFAULT_LIMITS.maxUnackedBytes,
    flushIntervalMs: told.flushInterval ? milliseconds(told.flushInterval) : DEFAULT_LIMITS.flushIntervalMs,
  };
}

/** Returns a Duration, or a Timestamp, in milliseconds. */
export function milliseconds({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}

/** Returns the milliseconds by which the server's clock is ahead of this device's. */
export function skewMs(ready: RecordingReady, nowMs: number): number {
  return ready.serverTime === undefined ? 0 : Math.round(milliseconds(ready.serverTime) - nowMs);
}
