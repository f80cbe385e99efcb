// A visit to a share page: the calls of ShareService, and their times.
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { RedeemShareLinkResponse, ShareService } from "@contract/share/v1/share_service_pb";
import { reasonOf, retryAfterMs } from "../api/details";
import { type Grant, type HandleStore, renewAfterMs } from "./grant";
import { after, OPENING, type Visit, type VisitEvent } from "./visit";

/** Interval at which a visible page checks that its link is still active, in milliseconds. */
const LOOK_EVERY_MS = 10_000;

/** The same where only a renewal can check it, which is written into the access trail. */
const RENEW_EVERY_MS = 30_000;

/** Delay before a failed renewal is retried, in milliseconds. */
const TRY_AGAIN_MS = 5_000;

/**
 * Opens a link and keeps it open, from `open` until `close`. The listener is called on each change of `visit`.
 */
export class ShareVisit {
  readonly #token: string;
  readonly #share: Client<typeof ShareService>;
  readonly #handles: HandleStore;
  #visit: Visit = OPENING;
  #listener: () => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();
  #renewAtMs = Infinity;
  #isAsking = false;

  /**
   * @param token The link's, from the address.
   * @param share Called without any credentials.
   * @param handles The tab's store for reloads.
   */
  constructor(token: string, share: Client<typeof ShareService>, handles: HandleStore) {
    this.#token = token;
    this.#share = share;
    this.#handles = handles;
  }

  /** Where the visit is. */
  get visit(): Visit {
    return this.#visit;
  }

  /** The grant's token; null: nothing is open. */
  get grantToken(): string | null {
    return this.#visit.at === "watching" ? this.#visit.grant.token : null;
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listener = listener;
    return () => {
      this.#listener = () => undefined;
    };
  };

  /**
   * Opens the link: with the handle stored in the tab, else anew. A link with limited views, or with a passcode, is only
   * looked up: `watch` or `enter` opens it.
   */
  async open(): Promise<void> {
    this.#abort = new AbortController();
    this.#tell({ type: "open" });
    const handle = this.#handles.read(this.#token);
    if (handle !== undefined && (await this.#renewKept(handle))) {
      return;
    }
    await this.#attempt(async (signal) => {
      const found = await this.#share.getShareLink({ token: this.#token }, { signal });
      if (found.passcodeRequired) {
        this.#tell({ type: "passcodeNeeded" });
      } else if (found.viewsLeft !== undefined) {
        this.#tell({
          type: "clickNeeded",
          viewsLeft: Number(found.viewsLeft),
          linkEndsMs: found.expireTime === undefined ? Infinity : timestampMs(found.expireTime),
        });
      } else {
        this.#granted(await this.#share.redeemShareLink({ token: this.#token }, { signal }));
      }
    });
  }

  /** Opens a link with limited views, at the cost of one. */
  async watch(): Promise<void> {
    this.#tell({ type: "clicked" });
    await this.#attempt(async (signal) => {
      this.#granted(await this.#share.redeemShareLink({ token: this.#token }, { signal }));
    });
  }

  /** Tries a passcode. */
  async enter(passcode: string): Promise<void> {
    this.#tell({ type: "passcodeSent" });
    await this.#attempt(async (signal) => {
      this.#granted(await this.#share.redeemShareLink({ token: this.#token, passcode }, { signal }));
    });
  }

  /** Checks at once whether the link is still active: its stream has ended, or the page became visible. */
  async look(): Promise<void> {
    if (this.#visit.at !== "watching" || this.#isAsking) {
      return;
    }
    this.#isAsking = true;
    const { grant } = this.#visit;
    await this.#attempt(async (signal) => {
      if (performance.now() < this.#renewAtMs && (await this.#stands(grant, signal))) {
        this.#tell({ type: "stands" });
        return;
      }
      this.#granted(await this.#share.redeemShareLink({ renewalHandle: grant.renewalHandle }, { signal }));
    });
    this.#isAsking = false;
    this.#lookLater();
  }

  /** Ends the visit: no more calls or notifications. */
  close(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Returns whether the stored handle opened the link; after an expired handle, the link itself is still tried. */
  async #renewKept(renewalHandle: string): Promise<boolean> {
    try {
      this.#granted(await this.#share.redeemShareLink({ renewalHandle }, { signal: this.#abort.signal }));
      return true;
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code !== Code.NotFound && code !== Code.InvalidArgument) {
        this.#failed(error);
        return true;
      }
      this.#handles.clear();
      return false;
    }
  }

  /** Returns whether a look-up shows the link. One without views left is not shown, and may still be active. */
  async #stands(grant: Grant, signal: AbortSignal): Promise<boolean> {
    if (grant.viewsLeft === 0) {
      return false;
    }
    try {
      await this.#share.getShareLink({ token: this.#token }, { signal });
      return true;
    } catch (error) {
      if (ConnectError.from(error).code === Code.NotFound) {
        return false;
      }
      throw error;
    }
  }

  #granted(answer: RedeemShareLinkResponse): void {
    this.#handles.write(this.#token, answer.renewalHandle);
    this.#renewAtMs = performance.now() + renewAfterMs(answer.grantToken);
    this.#tell({
      type: "granted",
      grant: {
        token: answer.grantToken,
        renewalHandle: answer.renewalHandle,
        sessionId: answer.sessionId,
        linkEndsMs: answer.linkExpireTime === undefined ? Infinity : timestampMs(answer.linkExpireTime),
        startMs: answer.startOffset === undefined ? undefined : durationMs(answer.startOffset),
        endMs: answer.endOffset === undefined ? undefined : durationMs(answer.endOffset),
        viewsLeft: answer.viewsLeft === undefined ? undefined : Number(answer.viewsLeft),
        mayDownload: answer.downloadAllowed,
      },
    });
    this.#lookLater();
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    if (this.#visit.at !== "watching" || this.#abort.signal.aborted) {
      return;
    }
    const { grant, warning } = this.#visit;
    const every = grant.viewsLeft === 0 ? RENEW_EVERY_MS : LOOK_EVERY_MS;
    const waitMs = warning === undefined ? Math.min(every, this.#renewAtMs - performance.now()) : TRY_AGAIN_MS;
    this.#timer = setTimeout(() => void this.look(), Math.max(waitMs, 0));
  }

  async #attempt(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await act(this.#abort.signal);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#abort.signal.aborted) {
      return;
    }
    const wait = retryAfterMs(error);
    const waiting = wait === undefined ? {} : { waitUntilMs: Date.now() + wait };
    switch (reasonOf(error)) {
      case "PASSCODE_REQUIRED":
        this.#tell({ type: "passcodeNeeded" });
        return;
      case "PASSCODE_WRONG":
        this.#tell({
          type: "passcodeNeeded",
          problem: "This passcode is wrong. Passcodes are case-sensitive.",
        });
        return;
      case "PASSCODE_ATTEMPTS":
        this.#tell({ type: "passcodeNeeded", problem: "Too many wrong passcodes.", ...waiting });
        return;
    }
    switch (ConnectError.from(error).code) {
      case Code.NotFound:
        this.#handles.clear();
        this.#tell({ type: "gone" });
        return;
      case Code.InvalidArgument:
        this.#tell(this.#visit.at === "passcode" ? WRONG_LENGTH : { type: "malformed" });
        return;
      case Code.ResourceExhausted:
        this.#tell({ type: "failed", problem: "Too many links were opened from your network.", ...waiting });
        return;
      default:
        this.#tell({ type: "failed", problem: "The server cannot be reached at the moment.", ...waiting });
    }
  }

  #tell(event: VisitEvent): void {
    if (this.#abort.signal.aborted) {
      return;
    }
    this.#visit = after(this.#visit, event);
    this.#listener();
  }
}

const WRONG_LENGTH: VisitEvent = { type: "passcodeNeeded", problem: "A passcode has at most 128 characters." };
