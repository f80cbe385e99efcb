import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, createRouterTransport, type Client } from "@connectrpc/connect";
import {
  GetShareLinkResponseSchema,
  type RedeemShareLinkRequest,
  RedeemShareLinkResponseSchema,
  ShareService,
} from "@contract/share/v1/share_service_pb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HandleStore } from "../../src/share/grant";
import { ShareVisit } from "../../src/share/ShareVisit";

/** A link in memory, with ShareService's responses by the contract. */
class Link {
  stands = true;
  views = 0;
  renewals = 0;
  maxViews: number | undefined;
  isAway = false;
  passcode = "";
  #handles = new Set<string>();

  client(): Client<typeof ShareService> {
    const transport = createRouterTransport(({ service }) => {
      service(ShareService, {
        getShareLink: ({ token }) => {
          this.#check(token === "token" && this.#hasViews());
          return create(GetShareLinkResponseSchema, {
            passcodeRequired: this.passcode !== "",
            expireTime: timestampFromMs(Date.now() + 3_600_000),
            ...(this.maxViews === undefined ? {} : { viewsLeft: BigInt(this.maxViews - this.views) }),
          });
        },
        redeemShareLink: (request) => this.#redeem(request),
      });
    });
    return createClient(ShareService, transport);
  }

  #redeem({ token, passcode, renewalHandle }: RedeemShareLinkRequest) {
    this.#check(renewalHandle === "" ? token === "token" && this.#hasViews() : this.#handles.has(renewalHandle));
    if (renewalHandle === "" && passcode !== this.passcode) {
      throw failure(Code.PermissionDenied, passcode === "" ? "PASSCODE_REQUIRED" : "PASSCODE_WRONG");
    }
    if (renewalHandle === "") {
      this.views += 1;
    } else {
      this.renewals += 1;
    }
    const handle = renewalHandle === "" ? `handle-${this.views}` : renewalHandle;
    this.#handles.add(handle);
    return create(RedeemShareLinkResponseSchema, {
      grantToken: `grant-${this.views}-${this.renewals}`,
      renewalHandle: handle,
      sessionId: "session",
      linkExpireTime: timestampFromMs(Date.now() + 3_600_000),
      ...(this.maxViews === undefined ? {} : { viewsLeft: BigInt(this.maxViews - this.views) }),
    });
  }

  #hasViews(): boolean {
    return this.maxViews === undefined || this.views < this.maxViews;
  }

  #check(isKnown: boolean): void {
    if (this.isAway) {
      throw new ConnectError("away", Code.Unavailable);
    }
    if (!this.stands || !isKnown) {
      throw failure(Code.NotFound, "LINK_NOT_FOUND");
    }
  }
}

/** An error with a reason, as the sidecar sends it. */
function failure(code: Code, reason: string): ConnectError {
  const error = new ConnectError(reason, code);
  error.details.push({ type: "google.rpc.ErrorInfo", value: new Uint8Array(), debug: { reason } });
  return error;
}

let link: Link;
let visit: ShareVisit;

function visitor(token = "token"): ShareVisit {
  visit = new ShareVisit(token, link.client(), new HandleStore(sessionStorage));
  return visit;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  sessionStorage.clear();
  link = new Link();
});
afterEach(() => {
  visit.close();
  vi.useRealTimers();
});

it("opens a link, and a reload of the page is not another view", async () => {
  await visitor().open();
  expect(visit.visit).toMatchObject({ at: "watching", grant: { sessionId: "session" } });
  visit.close();
  await visitor().open();
  expect(visit.visit.at).toBe("watching");
  expect(link.views).toBe(1);
});

it("opens a link anew where the stored handle has ended", async () => {
  new HandleStore(sessionStorage).write("token", "handle of long ago");
  await visitor().open();
  expect(visit.visit.at).toBe("watching");
});

it("asks for the passcode, reports a wrong one, and opens", async () => {
  link.passcode = "correct";
  await visitor().open();
  expect(visit.visit).toEqual({ at: "passcode", busy: false });
  await visit.enter("wrong");
  expect(visit.visit).toMatchObject({ at: "passcode", problem: expect.stringContaining("wrong") as string });
  await visit.enter("correct");
  expect(visit.visit.at).toBe("watching");
});

it("ends during the visit soon after the link was revoked", async () => {
  await visitor().open();
  link.stands = false;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(visit.visit).toEqual({ at: "ended", wasOpen: true });
  expect(visit.grantToken).toBeNull();
});

it("ends at once after a requested look", async () => {
  await visitor().open();
  link.stands = false;
  await visit.look();
  expect(visit.visit).toEqual({ at: "ended", wasOpen: true });
});

it("waits for a click before it uses up a view, but not for a reload", async () => {
  link.maxViews = 2;
  await visitor().open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(visit.visit).toMatchObject({ at: "ready", viewsLeft: 2, busy: false });
  expect(link.views).toBe(0);
  await visit.watch();
  expect(visit.visit).toMatchObject({ at: "watching", grant: { viewsLeft: 1 } });
  visit.close();
  await visitor().open();
  expect(visit.visit.at).toBe("watching");
  expect(link.views).toBe(1);
});

it("reports a view that another visitor has used up before the click", async () => {
  link.maxViews = 1;
  await visitor().open();
  link.views = 1;
  await visit.watch();
  expect(visit.visit).toEqual({ at: "ended", wasOpen: false });
});

it("asks for the passcode of a link with limited views, and opens it then", async () => {
  link.maxViews = 1;
  link.passcode = "correct";
  await visitor().open();
  expect(visit.visit).toEqual({ at: "passcode", busy: false });
  await visit.enter("correct");
  expect(visit.visit.at).toBe("watching");
});

it("continues where the last view is its own, and still detects the end", async () => {
  link.maxViews = 1;
  await visitor().open();
  await visit.watch();
  await vi.advanceTimersByTimeAsync(31_000);
  expect(visit.visit.at).toBe("watching");
  link.stands = false;
  await vi.advanceTimersByTimeAsync(31_000);
  expect(visit.visit).toEqual({ at: "ended", wasOpen: true });
});

it("renews its grant before it ends, without a view", async () => {
  await visitor().open();
  const first = visit.grantToken;
  await vi.advanceTimersByTimeAsync(560_000);
  expect(visit.grantToken).not.toBe(first);
  expect(link.views).toBe(1);
});

it("continues through an outage, and reports it only while it lasts", async () => {
  await visitor().open();
  link.isAway = true;
  await vi.advanceTimersByTimeAsync(11_000);
  expect(visit.visit).toMatchObject({ at: "watching", warning: expect.any(String) as string });
  link.isAway = false;
  await vi.advanceTimersByTimeAsync(6_000);
  expect(visit.visit).toMatchObject({ at: "watching" });
  expect(visit.visit).not.toHaveProperty("warning");
});

it("reports the same for a link that never existed and for one that has ended", async () => {
  link.stands = false;
  await visitor().open();
  const ended = visit.visit;
  link.stands = true;
  await visitor("another").open();
  expect(visit.visit).toEqual(ended);
  expect(ended).toEqual({ at: "ended", wasOpen: false });
});
