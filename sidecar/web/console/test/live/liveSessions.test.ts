import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { WatchSessionsResponseSchema, type WatchSessionsResponse } from "@contract/audit/v1/audit_service_pb";
import { SessionSchema, type Session } from "@contract/recording/v1/session_pb";
import { describe, expect, it } from "vitest";
import { ACTIVITY_STEP_MS, LiveSessions } from "../../src/live/liveSessions";

const T = 1_700_000_000_000;

const session = (id: string, startMs: number, storedMs = startMs, eventCount = 1): Session =>
  create(SessionSchema, {
    sessionId: id,
    startTime: timestampFromMs(startMs),
    updateTime: timestampFromMs(storedMs),
    totals: { eventCount: BigInt(eventCount) },
  });
const snapshot = (...sessions: Session[]): WatchSessionsResponse =>
  create(WatchSessionsResponseSchema, { message: { case: "snapshot", value: { sessions } } });
const upsert = (value: Session): WatchSessionsResponse =>
  create(WatchSessionsResponseSchema, { message: { case: "upsert", value } });
const removal = (sessionId: string): WatchSessionsResponse =>
  create(WatchSessionsResponseSchema, { message: { case: "removal", value: { sessionId } } });

function after(messages: readonly WatchSessionsResponse[], nowMs = T, maxSessions = 100): LiveSessions {
  const live = new LiveSessions(maxSessions);
  for (const message of messages) {
    live.take(message, nowMs);
  }
  return live;
}
const ids = (live: LiveSessions): string[] => live.view(T).sessions.map(({ session }) => session.sessionId);

describe("the live sessions", () => {
  it("are newest first, in a stable order", () => {
    const live = after([snapshot(session("a", T - 3000), session("c", T - 1000)), upsert(session("b", T - 2000))]);
    expect(ids(live)).toEqual(["c", "b", "a"]);
    live.take(upsert(session("a", T - 3000, T, 50)), T);
    expect(ids(live)).toEqual(["c", "b", "a"]);
  });

  it("are there once after a reconnection, and without those that ended meanwhile", () => {
    const live = after([snapshot(session("a", T - 3000), session("b", T - 2000)), upsert(session("c", T - 1000))]);
    live.take(snapshot(session("c", T - 1000), session("a", T - 3000)), T);
    expect(ids(live)).toEqual(["c", "a"]);
  });

  it("leave with their removal, also an unknown one", () => {
    expect(ids(after([snapshot(session("a", T)), removal("a"), removal("unknown")]))).toEqual([]);
  });

  it("are the newest ones where there are too many, with the number of omitted ones", () => {
    const live = after([snapshot(...[1, 2, 3, 4].map((n) => session(String(n), T - n)))], T, 3);
    expect(ids(live)).toEqual(["1", "2", "3"]);
    expect(live.view(T).leftOut).toBe(1);
    live.take(upsert(session("new", T)), T);
    expect(ids(live)).toEqual(["new", "1", "2"]);
    expect(live.view(T).leftOut).toBe(2);
    live.take(removal("new"), T);
    live.take(removal("4"), T);
    live.take(upsert(session("3", T - 3)), T);
    expect(ids(live)).toEqual(["1", "2", "3"]);
    expect(live.view(T).leftOut).toBe(0);
  });

  it("know since when each is silent, for any difference of the clocks", () => {
    for (const aheadMs of [0, -40_000, 90_000]) {
      const now = T + aheadMs; // by this browser
      const live = after([snapshot(session("a", T - 60_000, T - 30_000))], now);
      live.take(upsert(session("b", T, T - 200)), now);
      const heard = Object.fromEntries(live.view(now).sessions.map((one) => [one.session.sessionId, one.heardMs]));
      expect(now - (heard.b ?? 0)).toBe(0);
      expect(now - (heard.a ?? 0)).toBe(29_800);
    }
  });

  it("treats a first list from a server with a clock ahead as just received", () => {
    const live = after([snapshot(session("a", T, T + 5_000))]);
    expect(live.view(T).sessions[0]?.heardMs).toBe(T);
  });

  it("show how much happened in the last minute", () => {
    const live = after([snapshot(session("a", T, T, 100))]);
    live.take(upsert(session("a", T, T, 130)), T);
    live.take(upsert(session("a", T, T, 170)), T + ACTIVITY_STEP_MS);
    expect(live.view(T + ACTIVITY_STEP_MS).sessions[0]?.activity.slice(-2)).toEqual([30, 40]);
    expect(live.view(T + 4 * ACTIVITY_STEP_MS).sessions[0]?.activity.slice(-5)).toEqual([30, 40, 0, 0, 0]);
    // A reconnection does not forget it.
    live.take(snapshot(session("a", T, T, 175)), T + ACTIVITY_STEP_MS);
    expect(live.view(T + ACTIVITY_STEP_MS).sessions[0]?.activity.slice(-2)).toEqual([30, 45]);
  });
});
