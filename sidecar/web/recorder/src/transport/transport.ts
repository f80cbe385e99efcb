// A way to the installation: a WebSocket, or POST /record where there is none. Both carry the same messages.
import type {
  ChunkRejected,
  RecorderCommand,
  RecordingReady,
  RecordSessionResponse,
} from "@contract/audit/v1/audit_service_pb";
import { CloseCode as ContractCode } from "@contract/close_codes";
import type { Entry } from "../wire/entry";

/** Close codes of the contract, which HTTP statuses are mapped to as well, and one of the recorder's own. */
export const CloseCode = {
  ...ContractCode,
  /** No close frame: the connection broke, or was never established. */
  BROKEN: 1006,
} as const;

/** How a link ended. */
export interface Closing {
  readonly code: number;
  /** A short machine word. */
  readonly word: string;
  /** Whether the connection came about at all. */
  readonly wasOpen: boolean;
  /** Whether `ready` had come. */
  readonly wasReady: boolean;
  /** How long the installation wants to be left alone. */
  readonly retryAfterMs?: number;
}

/** What comes over a transport. After `onClosed` nothing comes. */
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
  /** Says that the window has ended; the server closes when everything is stored. */
  end(lastSeq: number): void;
  /** Closes. `onClosed` is not called. */
  close(): void;
}

/** Hands a message of the server to whom it concerns. One of a kind that this version does not know is passed over. */
export function dispatch(message: RecordSessionResponse["message"], events: TransportEvents): void {
  switch (message.case) {
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
