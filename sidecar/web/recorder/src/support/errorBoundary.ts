// No error of the recorder may reach the page that it records.
import { type Notices, wordsOf } from "./status";

/** Wraps the functions that the page or the browser calls. */
export class ErrorBoundary {
  readonly #notices: Notices;

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  /** Returns `work` in a form that reports errors instead of throwing them. */
  wrap<Args extends unknown[]>(work: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      this.run(() => {
        work(...args);
      });
    };
  }

  /** Runs `work`; returns undefined if it failed. */
  run<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Starts `work` without waiting for it. */
  start(work: () => Promise<void>): void {
    try {
      work().catch((error: unknown) => {
        this.failed(error);
      });
    } catch (error) {
      this.failed(error);
    }
  }

  /** Reports an internal error of the recorder. */
  failed(error: unknown): void {
    this.#notices.report("internal", `an error in the recorder; the page is not affected (${wordsOf(error)})`);
  }
}
