import { expect, it } from "vitest";
import type { Grant } from "../../src/share/grant";
import { after, OPENING, type Visit, type VisitEvent } from "../../src/share/visit";

const GRANT: Grant = {
  token: "t",
  renewalHandle: "h",
  sessionId: "s",
  linkEndsMs: 1,
  startMs: undefined,
  endMs: undefined,
  viewsLeft: undefined,
  mayDownload: false,
};

function visit(...events: VisitEvent[]): Visit {
  return events.reduce(after, OPENING);
}

it("a visit to an open link is watching", () => {
  expect(visit({ type: "granted", grant: GRANT })).toEqual({ at: "watching", grant: GRANT });
});

it("a wrong passcode is reported, and the next one can be tried", () => {
  const asked = visit({ type: "passcodeNeeded" });
  expect(asked).toEqual({ at: "passcode", busy: false });
  const sent = after(asked, { type: "passcodeSent" });
  expect(sent).toEqual({ at: "passcode", busy: true });
  expect(after(sent, { type: "passcodeNeeded", problem: "It is wrong.", waitUntilMs: 5 })).toEqual({
    at: "passcode",
    busy: false,
    problem: "It is wrong.",
    waitUntilMs: 5,
  });
});

it("a link with limited views waits for a click", () => {
  const ready = visit({ type: "clickNeeded", viewsLeft: 1, linkEndsMs: 9 });
  expect(ready).toEqual({ at: "ready", viewsLeft: 1, linkEndsMs: 9, busy: false });
  expect(after(ready, { type: "clicked" })).toEqual({ at: "ready", viewsLeft: 1, linkEndsMs: 9, busy: true });
  expect(visit({ type: "clicked" })).toEqual(OPENING);
});

it("a link that ends during the visit is distinguished from one that never existed", () => {
  expect(visit({ type: "gone" })).toEqual({ at: "ended", wasOpen: false });
  expect(visit({ type: "granted", grant: GRANT }, { type: "gone" })).toEqual({ at: "ended", wasOpen: true });
});

it("a link that ended while it was watched stays so after a second report", () => {
  expect(visit({ type: "granted", grant: GRANT }, { type: "gone" }, { type: "gone" })).toEqual({
    at: "ended",
    wasOpen: true,
  });
});

it("an outage does not end the replay", () => {
  const watching = visit({ type: "granted", grant: GRANT }, { type: "failed", problem: "away" });
  expect(watching).toEqual({ at: "watching", grant: GRANT, warning: "away" });
  expect(after(watching, { type: "granted", grant: GRANT })).toEqual({ at: "watching", grant: GRANT });
  expect(visit({ type: "failed", problem: "away", waitUntilMs: 9 })).toEqual({
    at: "failed",
    problem: "away",
    waitUntilMs: 9,
  });
});
