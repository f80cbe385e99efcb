import { beforeEach, expect, test } from "vitest";
import { type SessionRules, SessionTracker } from "../../src/session/session";
import { MemoryStore } from "../../src/support/keyValueStore";
import { newSecret, uuid4, uuid7 } from "../../src/support/uuid";

const MINUTE = 60_000;
const RULES: SessionRules = { idleMs: 30 * MINUTE, maxMs: 24 * 60 * MINUTE, sampleRate: 1 };

let nowMs: number;
let random: number;
let shared: MemoryStore;

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  random = 0;
  shared = new MemoryStore();
});

function page(tab = new MemoryStore(), { isFrame = false, rules = RULES } = {}): SessionTracker {
  const clockAndIds = { now: () => nowMs, random: () => random, newSessionId: uuid7, newWindowId: uuid4, newSecret };
  return new SessionTracker(shared, tab, isFrame, rules, clockAndIds);
}

test("session ids carry their time, window ids do not", () => {
  const tracker = page();
  const { id } = tracker.session;
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(nowMs);
  expect(tracker.windowId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

test("a reload is the same session and window", () => {
  const tab = new MemoryStore();
  const before = page(tab);
  before.release();
  nowMs += MINUTE;
  const after = page(tab);
  expect([after.session.id, after.windowId]).toEqual([before.session.id, before.windowId]);
});

test("another tab is another window of the same session", () => {
  const [one, other] = [page(), page()];
  expect(other.session.id).toBe(one.session.id);
  expect(other.windowId).not.toBe(one.windowId);
});

test("a duplicated tab, with a copy of the original's storage, is another window", () => {
  const tab = new MemoryStore();
  const original = page(tab);
  expect(page(tab).windowId).not.toBe(original.windowId);
});

test("frames of one tab do not take its window", () => {
  const tab = new MemoryStore();
  const top = page(tab);
  const frame = page(tab, { isFrame: true });
  expect(frame.windowId).not.toBe(top.windowId);
  top.release();
  expect(page(tab).windowId).toBe(top.windowId);
});

test("half an hour without action ends the session, an action in between prevents it", () => {
  const tracker = page();
  nowMs += 30 * MINUTE - 1;
  expect(tracker.isOver()).toBe(false);
  tracker.touch();
  nowMs += 30 * MINUTE - 1;
  expect(tracker.isOver()).toBe(false);
  nowMs += 1;
  expect(tracker.isOver()).toBe(true);
  const { id } = tracker.session;
  expect(tracker.renew().id).not.toBe(id);
  expect(tracker.isOver()).toBe(false);
});

test("a page that is opened after that starts another session", () => {
  const before = page();
  nowMs += 30 * MINUTE;
  expect(page().session.id).not.toBe(before.session.id);
});

test("activity in another tab counts", () => {
  const [one, other] = [page(), page()];
  nowMs += 20 * MINUTE;
  other.touch();
  nowMs += 20 * MINUTE;
  expect(one.isOver()).toBe(false);
});

test("a tab that wakes up continues the session that another one has started", () => {
  const [one, other] = [page(), page()];
  nowMs += 31 * MINUTE;
  const begun = other.renew();
  expect(one.isOver()).toBe(true);
  expect(one.renew().id).toBe(begun.id);
});

test("a session ends after a day, however busy", () => {
  const tracker = page();
  for (let minutes = 0; minutes < 24 * 60; minutes += 10) {
    expect(tracker.isOver()).toBe(false);
    nowMs += 10 * MINUTE;
    tracker.touch();
  }
  expect(tracker.isOver()).toBe(true);
});

test("whether a session is in the sample is decided once, for all its pages", () => {
  const rules = { ...RULES, sampleRate: 0.25 };
  random = 0.24;
  expect(page(undefined, { rules }).session.isSampled).toBe(true);
  random = 0.9;
  expect(page(undefined, { rules }).session.isSampled).toBe(true);
  nowMs += 31 * MINUTE;
  expect(page(undefined, { rules }).session.isSampled).toBe(false);
  random = 0.1;
  expect(page(undefined, { rules }).session.isSampled).toBe(false);
});

test("a session that the installation stopped stays stopped for later pages", () => {
  page().stop();
  expect(page().session.isStopped).toBe(true);
  nowMs += 31 * MINUTE;
  expect(page().session.isStopped).toBe(false);
});

test("the visitor's id stays with the session, and is passed on to the next in the same page", () => {
  const tracker = page();
  tracker.identify("ada");
  expect(page().session.actorId).toBe("ada");
  nowMs += 31 * MINUTE;
  expect(tracker.renew().actorId).toBe("ada");
});

test.each([["nonsense"], [{ id: 7 }], [[]], [{ id: "x", startMs: "soon", activeMs: 1 }]])(
  "an invalid stored session is ignored: %j",
  (value) => {
    shared.set("session", value);
    expect(page().session.id).toMatch(/-7/);
  },
);

test("a tab that wakes up late does not bring back a session that another tab has ended", () => {
  const late = page();
  nowMs += 31 * MINUTE;
  const present = page();
  late.identify("ana");
  late.touch();
  late.stop();
  late.release();
  expect(page().session).toEqual(present.session);
});

test("one tab's changes of a session stay when another one writes", () => {
  const [one, other] = [page(), page()];
  nowMs += MINUTE;
  one.touch();
  one.identify("ana");
  other.release();
  expect(page().session).toMatchObject({ actorId: "ana", activeMs: nowMs });
  other.stop();
  nowMs += MINUTE;
  one.touch();
  expect(page().session).toMatchObject({ actorId: "ana", isStopped: true });
});

test("the secret is the session's: the same after a reload and in other tabs, another in the next session", () => {
  const tab = new MemoryStore();
  const before = page(tab);
  const { secret } = before.session;
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  before.touch();
  before.identify("ana");
  before.release();
  expect([page(tab).session.secret, page().session.secret]).toEqual([secret, secret]);
  nowMs += 31 * MINUTE;
  expect(before.renew().secret).toMatch(/^[0-9a-f]{64}$/);
  expect(before.session.secret).not.toBe(secret);
});

test("a session that was begun without a secret goes on without one", () => {
  shared.set("session", { id: uuid7(nowMs), startMs: nowMs, activeMs: nowMs });
  expect(page().session.secret).toBe("");
});

test("a secret that a tab with an older recorder does not store is kept, and stored again", () => {
  const tracker = page();
  const { secret, ...rest } = tracker.session;
  shared.set("session", { ...rest, activeMs: nowMs + 1 });
  expect(tracker.isOver()).toBe(false);
  expect(tracker.session.secret).toBe(secret);
  tracker.identify("ana");
  expect(page().session.secret).toBe(secret);
});

test("a clock that is set back by more than an hour ends the session", () => {
  const tracker = page();
  nowMs -= 60 * MINUTE;
  expect(tracker.isOver()).toBe(false);
  nowMs -= 1;
  expect(tracker.isOver()).toBe(true);
  const { id } = tracker.session;
  expect(tracker.renew().id).not.toBe(id);
  expect(tracker.isOver()).toBe(false);
});
