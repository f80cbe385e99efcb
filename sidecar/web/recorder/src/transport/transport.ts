// Transports to the installation: a WebSocket, or POST /record where WebSockets are not available. Both carry the same
// messages.
import type {
  ChunkRejected,
  RecorderCommand,
  RecordingReady,
  RecordSessionResponse,
} from "@messages/audit/v1/audit_service";
import { CloseCode as ContractCode } from "@contract/close_codes";
import type { Entry } from "../wire/entry";

/** Close codes of the contract, which HTTP statuses are mapped to as well, and one of the recorder's own. */
export const CloseCode = {
  ...ContractCode,
  /** No close frame: the connection broke, or was never established. */
  BROKEN: 1006,
} as const;

/** End of a transport. */
export interface Closing {
  readonly code: number;
  /** A machine-readable word. */
  readonly word: string;
  /** Whether the connection was established. */
  readonly wasOpen: boolean;
  /** Whether `ready` was received. */
  readonly wasReady: boolean;
  /** Delay before the next attempt, as requested by the installation. */
  readonly retryAfterMs?: number;
}

/** Returns the word of a close frame's reason, and the delay that it asks for: "quota_exceeded; retry_after_s=60". */
export function readReason(reason: string): Pick<Closing, "word" | "retryAfterMs"> {
  const [word = "", ...rest] = reason.split("; ");
  const seconds = Number(/^retry_after_s=(\d{1,6})$/.exec(rest.join("; "))?.[1] ?? NaN);
  return { word, ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}) };
}

/** Callbacks of a transport; `onClosed` is the last. */
export interface TransportEvents {
  readonly onReady: (ready: RecordingReady) => void;
  readonly onAck: (throughSeq: number) => void;
  readonly onRejected: (rejected: ChunkRejected) => void;
  readonly onCommand: (command: RecorderCommand) => void;
  readonly onClosed: (closing: Closing) => void;
}

/** One connection, from `start` on. */
export interface Transport {
  readonly kind: "websocket" | "http";
  /** Sends a chunk that has its seq. */
  send(entry: Entry): void;
  /** Ends the window; the server closes when all chunks are stored. */
  end(lastSeq: number): void;
  /** Closes. `onClosed` is not called. */
  close(): void;
}

/** Passes a message of the server to its callback. An unknown kind of message is ignored. */
export function dispatch(message: RecordSessionResponse["message"], events: TransportEvents): void {
  switch (message?.$case) {
    case "ready":
      events.onReady(message.value);
      break;
    case "ack":
      events.onAck(Number(message.value.throughSeq));
      break;
    case "rejected":
      events.onRejected(message.value);
      break;
    case "command":
      events.onCommand(message.value);
      break;
    case undefined:
      break;
  }
}
