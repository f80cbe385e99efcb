// Delivers the chunks of one window over connected transports: sends within the limits, repairs refused chunks, and
// detects a silent transport.
import { type ChunkRejected, RejectReason } from "@messages/audit/v1/audit_service";
import { repack } from "../buffer/chunkPacker";
import { droppedEntry, lossOf } from "../buffer/droppedEvents";
import type { SendQueue } from "../buffer/sendQueue";
import type { ErrorBoundary } from "../support/errorBoundary";
import type { Notices } from "../support/status";
import type { Transport } from "../transport/transport";
import type { Entry } from "../wire/entry";
import { DEFAULT_LIMITS, type Limits } from "../wire/messages";

/** Callbacks of a delivery. */
export interface DeliveryEvents {
  /** Called with the number of events dropped, and whether a snapshot among them is too large. */
  readonly onDropped: (events: number, isSnapshotTooLarge: boolean) => void;
  /** The replacement of a refused chunk was refused as well. */
  readonly onHopeless: () => void;
  /** Chunks are unacknowledged, and the transport has been silent for LATE_MS. */
  readonly onLate: () => void;
  /** The same after SILENCE_MS: the transport counts as dead. */
  readonly onSilence: () => void;
}

/** Dependencies of a delivery. */
export interface DeliveryParts {
  readonly queue: SendQueue;
  readonly boundary: ErrorBoundary;
  readonly notices: Notices;
  /** Start of the session, a time that the installation accepts for an event. */
  readonly startMs: number;
}

/** Less than the server allows: enough to use the connection's bandwidth, and little to send again. */
const WINDOW_BYTES = 2 * 1024 * 1024;
/** Duration of silence after which the state is no longer `recording`. */
const LATE_MS = 8_000;
/** Duration of silence after which a connection with unacknowledged chunks counts as dead. */
const SILENCE_MS = 30_000;

/** Delivery over successive transports. */
export class Delivery {
  /** Limits of the latest server. */
  limits: Limits = DEFAULT_LIMITS;
  readonly #parts: DeliveryParts;
  readonly #events: DeliveryEvents;
  #transport: Transport | undefined;
  #isFinishing = false;
  #isEndSent = false;
  /** A chunk at the front is being replaced. */
  #isHeld = false;
  #ignoredGaps = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #isLate = false;
  /** Whether the transport has acknowledged a chunk. */
  #hasAcked = false;
  /** Whether any transport has. */
  #isProven = false;

  constructor(parts: DeliveryParts, events: DeliveryEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Whether there is a transport. */
  get isFlowing(): boolean {
    return this.#transport !== undefined;
  }

  /** Whether chunks are acknowledged: the transport has done so, or has nothing to acknowledge after another one did. */
  get isAcknowledged(): boolean {
    const hasNothing = this.#isProven && this.#parts.queue.inFlight === 0;
    return this.isFlowing && !this.#isLate && (this.#hasAcked || hasNothing);
  }

  /** Whether the transport has acknowledged any chunk. */
  get hasAcked(): boolean {
    return this.#hasAcked;
  }

  /** Whether any chunk of this window was acknowledged. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether all chunks are stored, and no more will be added. */
  get isDone(): boolean {
    return this.#isFinishing && this.#parts.queue.entries.length === 0;
  }

  /** The largest chunk in flight. */
  get largestInFlight(): Entry | undefined {
    let most: Entry | undefined;
    for (const entry of this.#inFlight) {
      most = entry.payload.length > (most?.payload.length ?? -1) ? entry : most;
    }
    return most;
  }

  /** Continues over a transport, from the `nextSeq` that its server expects; `pump` sends. */
  begin(transport: Transport, nextSeq: number): void {
    this.#transport = transport;
    this.#ignoredGaps = 0;
    this.#parts.queue.resume(nextSeq);
  }

  /** The transport is closed. */
  stop(): void {
    this.#cancelSilence();
    this.#hasAcked = false;
    this.#transport = undefined;
    this.#isEndSent = false;
    this.#parts.queue.disconnected();
  }

  /** Sends `end` once all chunks are stored. */
  finish(): void {
    this.#isFinishing = true;
    this.pump();
  }

  /** Sends as many chunks as the limits allow. */
  pump(): void {
    const { queue } = this.#parts;
    const transport = this.#transport;
    if (transport === undefined || this.#isHeld) {
      return;
    }
    for (;;) {
      const entry = queue.take(Math.min(WINDOW_BYTES, this.limits.maxUnackedBytes));
      if (entry === undefined) {
        break;
      }
      transport.send(entry);
      this.#expectNews();
    }
    if (this.isDone && !this.#isEndSent) {
      this.#isEndSent = true;
      transport.end(queue.lastSeq);
    }
  }

  /** Chunks up to this seq are stored. */
  acked(throughSeq: number): void {
    const { queue } = this.#parts;
    this.#cancelSilence();
    this.#hasAcked = this.#isProven = true;
    queue.ack(throughSeq);
    if (queue.inFlight > 0) {
      this.#expectNews();
    }
    this.pump();
  }

  /** A chunk was rejected: by the reason, it is sent again, split, or dropped. */
  rejected(rejected: ChunkRejected): void {
    const { queue, boundary } = this.#parts;
    const seq = Number(rejected.seq);
    this.#cancelSilence();
    if (rejected.reason === RejectReason.GAP && this.#ignoredGaps > 0) {
      // Sent before the server's earlier response arrived; the chunks sent since resolve it.
      this.#ignoredGaps -= 1;
      return;
    }
    const onTheirWay = this.#inFlight;
    this.#ignoredGaps = onTheirWay.filter((entry) => entry.seq > seq).length;
    const bad = onTheirWay.find((entry) => entry.seq === seq);
    queue.rewind(Number(rejected.expectedSeq));
    if (rejected.reason === RejectReason.GAP || bad === undefined) {
      this.pump();
    } else if (rejected.reason === RejectReason.TOO_LARGE) {
      boundary.start(() => this.split(bad));
    } else {
      this.#giveUp(bad, rejected);
    }
  }

  /** Replaces a chunk that is too large by smaller ones; nothing is sent meanwhile. */
  async split(entry: Entry): Promise<void> {
    const { queue, notices } = this.#parts;
    this.#isHeld = true;
    try {
      const parts = await repack(entry, this.limits).catch(() => {
        const detail = "a chunk exceeds the limit of the installation, and cannot be unpacked in this page";
        return [droppedEntry(lossOf("too_large", [entry], detail))];
      });
      queue.replace(entry, parts);
      const lost = parts.filter((part) => part.loss !== undefined);
      if (lost.length > 0) {
        notices.report("too_large", lost[0]?.loss?.detail ?? "an event exceeds the limit of the installation");
        this.#events.onDropped(
          lost.length,
          lost.some((part) => part.isSnapshotLost === true),
        );
      }
    } finally {
      this.#isHeld = false;
    }
    this.pump();
  }

  get #inFlight(): readonly Entry[] {
    const { queue } = this.#parts;
    return queue.entries.slice(0, queue.inFlight);
  }

  #giveUp(entry: Entry, { message, reason }: ChunkRejected): void {
    const { queue, notices, startMs } = this.#parts;
    if (entry.loss !== undefined) {
      notices.report("rejected", `the installation refuses the events (${message}): is this device's clock right?`);
      this.#events.onHopeless();
      return;
    }
    notices.report("rejected", `the installation refused ${entry.events} events: ${message}`);
    const loss = lossOf("rejected", [entry], message);
    queue.replace(entry, [droppedEntry(loss, reason === RejectReason.INVALID_TIME ? startMs : loss.fromMs)]);
    this.#events.onDropped(entry.events, false);
    this.pump();
  }

  #expectNews(): void {
    this.#silence ??= this.#after(LATE_MS, () => {
      this.#isLate = true;
      this.#silence = this.#after(SILENCE_MS - LATE_MS, () => {
        this.#silence = undefined;
        this.#events.onSilence();
      });
      this.#events.onLate();
    });
  }

  #after(delayMs: number, work: () => void): ReturnType<typeof setTimeout> {
    return setTimeout(this.#parts.boundary.wrap(work), delayMs);
  }

  #cancelSilence(): void {
    if (this.#silence !== undefined) {
      clearTimeout(this.#silence);
    }
    this.#isLate = false;
    this.#silence = undefined;
  }
}
