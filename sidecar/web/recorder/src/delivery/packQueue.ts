// Packs batches into chunks, one after the other: packing is asynchronous, and the order of events must hold.
import { pack, plainEntry } from "../buffer/chunkPacker";
import type { Batch } from "../buffer/eventBuffer";
import type { SendQueue } from "../buffer/sendQueue";
import type { ErrorBoundary } from "../support/errorBoundary";
import { sum } from "../support/sum";
import type { Entry } from "../wire/entry";
import type { Uploader } from "./uploader";

/** The queue and the uploader of one window. */
export interface WindowUpload {
  readonly queue: SendQueue;
  readonly uploader: Uploader;
}

interface Job {
  readonly batch: Batch;
  readonly policy: string;
  readonly window: WindowUpload;
  /** The batch was removed while it was being packed. */
  isTaken: boolean;
}

/** Packs batches in the order in which they are added. */
export class PackQueue {
  readonly #boundary: ErrorBoundary;
  readonly #onPacked: (entries: readonly Entry[], window: WindowUpload) => void;
  #jobs: Job[] = [];
  #chain: Promise<void> = Promise.resolve();

  constructor(boundary: ErrorBoundary, onPacked: (entries: readonly Entry[], window: WindowUpload) => void) {
    this.#boundary = boundary;
    this.#onPacked = onPacked;
  }

  /** Number of events that are being packed. */
  get events(): number {
    return sum(this.#jobs, (job) => job.batch.texts.length);
  }

  /** Whether a full snapshot of a window is being packed. */
  hasSnapshotOf(queue: SendQueue): boolean {
    return this.#jobs.some((job) => job.batch.hasSnapshot && job.window.queue === queue);
  }

  /** Resolves when all batches already added are packed. */
  get done(): Promise<void> {
    return this.#chain;
  }

  add(batch: Batch, policy: string, window: WindowUpload): void {
    const job: Job = { batch, policy, window, isTaken: false };
    this.#jobs.push(job);
    this.#chain = this.#chain
      .then(() => this.#pack(job))
      .catch((error: unknown) => {
        this.#boundary.failed(error);
      });
  }

  /** Removes the batches recorded under a policy, and returns them unpacked. */
  takeBack(policy: string): Entry[] {
    const jobs = this.#jobs.filter((job) => job.policy === policy);
    for (const job of jobs) {
      job.isTaken = true;
    }
    this.#jobs = this.#jobs.filter((job) => !job.isTaken);
    return jobs.map((job) => plainEntry(job.batch, policy));
  }

  /** Moves all batches to their send queues uncompressed, at once: the page is being unloaded. */
  finishNow(): void {
    for (const job of this.#jobs) {
      job.isTaken = true;
      job.window.queue.push(plainEntry(job.batch, job.policy));
    }
    this.#jobs = [];
  }

  async #pack(job: Job): Promise<void> {
    if (job.isTaken) {
      return;
    }
    const entries = await pack(job.batch, job.policy, job.window.uploader.limits, job.window.queue.maxBytes);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while this waits
    if (job.isTaken) {
      return;
    }
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#onPacked(entries, job.window);
  }
}
