// Nothing that the recorder does may throw into the page that it records.
import type { Notices } from "./status";

/** Wraps what the page or the browser calls. */
export class ErrorBoundary {
  readonly #notices: Notices;

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  /** Returns `work` in a form that says what went wrong instead of throwing it. */
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

  /** Runs `work`, and waits for nothing. */
  start(work: () => Promise<void>): void {
    try {
      work().catch((error: unknown) => {
        this.failed(error);
      });
    } catch (error) {
      this.failed(error);
    }
  }

  /** Says that something of the recorder's own failed. */
  failed(error: unknown): void {
    this.#notices.report("internal", `an error inside of the recorder; the page is not affected (${words(error)})`);
  }
}

function words(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
