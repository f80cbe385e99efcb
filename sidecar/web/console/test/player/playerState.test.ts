import { create } from "@bufbuild/protobuf";
import { GetSessionResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { describe, expect, it } from "vitest";
import { problem } from "../../src/api/errors";
import {
  after,
  INITIAL,
  mayMissRequests,
  NEXT_PHASES,
  type Phase,
  type PlayerEvent,
  type PlayerState,
} from "../../src/player/playerState";

const DETAILS = create(GetSessionResponseSchema, {});
const START = 1_000_000;
const END = START + 60_000;

const LOADED: PlayerEvent = { type: "detailsLoaded", details: DETAILS, startMs: START, lastMs: END, isLive: false };
const LIVE: PlayerEvent = { ...LOADED, isLive: true };
const OPENED: PlayerEvent = { type: "opened", atMs: START, isPlaying: true, isFollowing: false };
const FOLLOWED: PlayerEvent = { ...OPENED, isFollowing: true };
const STAGED: PlayerEvent = { type: "momentStaged", atMs: START, windowId: "w" };
const SHOWN: PlayerEvent = { type: "momentShown", hasPicture: true };
const AWAY: PlayerEvent = { type: "failed", problem: problem("unavailable") };
const FORBIDDEN: PlayerEvent = { type: "failed", problem: problem("forbidden") };

function state(...events: PlayerEvent[]): PlayerState {
  return events.reduce(after, INITIAL);
}

const READY = [LOADED, OPENED, STAGED, SHOWN];
const FOLLOWING = [LIVE, FOLLOWED, { ...STAGED, atMs: END }, SHOWN] as const;

/** An event of each type, none of them empty. */
const EVENTS: Readonly<Record<PlayerEvent["type"], PlayerEvent>> = {
  detailsLoaded: LIVE,
  opened: OPENED,
  actionsFound: { type: "actionsFound", actions: [] },
  filesMissed: {
    type: "filesMissed",
    missing: { pictures: 1, fonts: 0, sheets: 0, media: 0, hosts: ["shop.example"] },
  },
  interactionsSettled: { type: "interactionsSettled", as: "loaded" },
  activityCounted: { type: "activityCounted", pauses: [{ fromMs: START, toMs: END }], unknown: [], segments: [] },
  rowsRead: { type: "rowsRead", consoleRows: [], networkRows: [], oddEvents: [], state: "all" },
  loaded: { type: "loaded", newestMs: END + 1, loaded: { fromMs: START, toMs: END } },
  connectionChanged: { type: "connectionChanged", connection: { kind: "open" } },
  frameAttached: { type: "frameAttached" },
  viewportChanged: { type: "viewportChanged", width: 800, height: 600 },
  playRequested: { type: "playRequested" },
  pauseRequested: { type: "pauseRequested" },
  speedChosen: { type: "speedChosen", speed: 4 },
  skippingChosen: { type: "skippingChosen", skipsPauses: false },
  windowChosen: { type: "windowChosen", windowId: "w" },
  followingLeft: { type: "followingLeft" },
  followingBegun: { type: "followingBegun" },
  newestRequested: { type: "newestRequested" },
  momentRequested: { type: "momentRequested", toMs: START + 5, newestMs: END, isLoaded: true },
  momentStaged: STAGED,
  momentShown: SHOWN,
  moved: { type: "moved", atMs: START + 1, lagMs: 100, hasPicture: true },
  pausedAt: { type: "pausedAt", atMs: START + 2, hasPicture: true },
  pauseKept: { type: "pauseKept", untilMs: END },
  stalled: { type: "stalled" },
  resumed: { type: "resumed" },
  endReached: { type: "endReached" },
  sessionEnded: { type: "sessionEnded", newestMs: END },
  pictureMissing: { type: "pictureMissing" },
  noticeRaised: { type: "noticeRaised", notice: { kind: "unreadable" } },
  noticeExpired: { type: "noticeExpired" },
  failed: FORBIDDEN,
};

describe("phases", () => {
  const inPhase: Readonly<Record<Phase, PlayerState>> = {
    loading: state(LOADED, OPENED),
    ready: state(...READY),
    empty: state(LOADED, OPENED, { type: "pictureMissing" }),
    failed: state(LOADED, FORBIDDEN),
  };
  const phases = Object.keys(NEXT_PHASES) as Phase[];

  it.each(phases)("%s: every event leads to itself or to a declared next phase", (phase) => {
    expect(inPhase[phase].phase).toBe(phase);
    for (const event of Object.values(EVENTS)) {
      expect([phase, ...NEXT_PHASES[phase]]).toContain(after(inPhase[phase], event).phase);
    }
  });

  it("every declared transition is made by an event", () => {
    for (const phase of phases) {
      const reached = Object.values(EVENTS).map((event) => after(inPhase[phase], event).phase);
      expect(reached).toEqual(expect.arrayContaining([...NEXT_PHASES[phase]]));
    }
  });

  it("a frame's late report does not hide a failure", () => {
    expect(after(inPhase.failed, { type: "pictureMissing" })).toBe(inPhase.failed);
    expect(after(inPhase.failed, STAGED)).toBe(inPhase.failed);
  });

  it("a live session without a picture gets one", () => {
    expect(state(LIVE, OPENED, { type: "pictureMissing" }, STAGED).phase).toBe("ready");
  });
});

describe("opening", () => {
  it("waits for the moment to begin at", () => {
    expect(state(LOADED, OPENED)).toMatchObject({
      phase: "loading",
      startMs: START,
      endMs: END,
      atMs: START,
      wantedMs: START,
      isPlaying: true,
      isWaiting: true,
    });
  });

  it("waits for the newest moment of a session that is followed", () => {
    const opened = state(LIVE, FOLLOWED);
    expect(opened.live).toEqual({ isFollowing: true, lagMs: null });
    expect(opened.wantedMs).toBe(Infinity);
  });

  it("cannot follow a session that is not live", () => {
    expect(state(LOADED, FOLLOWED).live).toBeNull();
  });

  it("is done when the frame shows the moment", () => {
    const staged = state(LOADED, OPENED, STAGED);
    expect(staged).toMatchObject({ phase: "ready", windowId: "w", wantedMs: null, isWaiting: true });
    expect(after(staged, SHOWN).isWaiting).toBe(false);
  });
});

describe("details that are fetched again", () => {
  it("never shorten a live session, nor let it be left", () => {
    const grown = state(...FOLLOWING, { type: "moved", atMs: END + 5_000, lagMs: 40, hasPicture: true });
    const again = after(grown, LIVE);
    expect(again.endMs).toBe(END + 5_000);
    expect(again.live).toEqual({ isFollowing: true, lagMs: 40 });
  });

  it("set the end of a session that is over", () => {
    expect(after(state(LIVE, { type: "loaded", newestMs: END + 9, loaded: INITIAL.loaded }), LOADED).endMs).toBe(END);
  });
});

describe("playing", () => {
  it("begins only when there is a picture", () => {
    const loading = state(LOADED, { ...OPENED, isPlaying: false });
    expect(after(loading, { type: "playRequested" })).toBe(loading);
    expect(state(LOADED, { ...OPENED, isPlaying: false }, STAGED, { type: "playRequested" }).isPlaying).toBe(true);
  });

  it("moves the playhead, at most to the end", () => {
    expect(state(...READY, { type: "moved", atMs: START + 7, lagMs: null, hasPicture: true }).atMs).toBe(START + 7);
    expect(state(...READY, { type: "moved", atMs: END + 7, lagMs: null, hasPicture: true }).atMs).toBe(END);
  });

  it("a paused player does not move", () => {
    const paused = state(...READY, { type: "pauseRequested" });
    expect(after(paused, { type: "moved", atMs: START + 7, lagMs: null, hasPicture: true })).toBe(paused);
    const pausedAt = { type: "pausedAt", atMs: START + 7, hasPicture: true } as const;
    expect(after(paused, pausedAt).atMs).toBe(START + 7);
    expect(after(state(...READY), pausedAt)).toEqual(state(...READY));
  });

  it("stalls and resumes without pausing", () => {
    const stalled = state(...READY, { type: "stalled" });
    expect(stalled).toMatchObject({ isPlaying: true, isWaiting: true });
    expect(after(stalled, { type: "resumed" })).toMatchObject({ isPlaying: true, isWaiting: false });
  });

  it("ends at the end, until another moment is requested", () => {
    const ended = state(...READY, { type: "endReached" });
    expect(ended).toMatchObject({ atMs: END, isPlaying: false, isAtEnd: true });
    const back = after(ended, { type: "momentRequested", toMs: START, newestMs: END, isLoaded: true });
    expect(back).toMatchObject({ atMs: START, wantedMs: START, isAtEnd: false, isWaiting: false });
  });

  it("waits for a moment that is not loaded", () => {
    const sought = state(...READY, { type: "momentRequested", toMs: START + 9, newestMs: START, isLoaded: false });
    expect(sought).toMatchObject({ atMs: START + 9, wantedMs: START + 9, isWaiting: true, isPlaying: true });
  });

  it("shows its moment again in a new frame, where it showed one", () => {
    expect(state(...READY, { type: "frameAttached" }).wantedMs).toBe(START);
    const loading = state(LOADED);
    expect(after(loading, { type: "frameAttached" })).toBe(loading);
  });
});

describe("following a live session", () => {
  it("extends the session, and measures its lag", () => {
    expect(state(...FOLLOWING, { type: "moved", atMs: END + 500, lagMs: 120, hasPicture: true })).toMatchObject({
      atMs: END + 500,
      endMs: END + 500,
      live: { isFollowing: true, lagMs: 120 },
    });
  });

  it.each<PlayerEvent>([{ type: "pauseRequested" }, { type: "speedChosen", speed: 2 }, { type: "followingLeft" }])(
    "ends with $type",
    (event) => {
      expect(state(...FOLLOWING, event).live?.isFollowing).toBe(false);
    },
  );

  it("begins again at normal speed, playing", () => {
    const left = state(...FOLLOWING, { type: "speedChosen", speed: 8 }, { type: "pauseRequested" });
    expect(after(left, { type: "followingBegun" })).toMatchObject({
      live: { isFollowing: true },
      speed: 1,
      isPlaying: true,
    });
  });

  it("is impossible once the session has ended", () => {
    const ended = state(...FOLLOWING, { type: "sessionEnded", newestMs: END - 10 });
    expect(ended).toMatchObject({ live: null, endMs: END - 10 });
    expect(after(ended, { type: "followingBegun" })).toBe(ended);
  });
});

describe("a problem", () => {
  it("that is temporary leaves the picture", () => {
    const away = state(...READY, AWAY);
    expect(away).toMatchObject({ phase: "ready", isPlaying: false, isWaiting: false, live: null });
    expect(away.problem?.kind).toBe("unavailable");
  });

  it("that does not pass takes it away", () => {
    expect(state(...READY, FORBIDDEN).phase).toBe("failed");
  });

  it("before the first picture ends the player in any case", () => {
    expect(state(LOADED, AWAY).phase).toBe("failed");
  });

  it("is not replaced by a later one", () => {
    const away = state(...READY, AWAY);
    expect(after(away, FORBIDDEN)).toBe(away);
  });
});

it("a notice stands until it expires", () => {
  const raised = state({ type: "noticeRaised", notice: { kind: "skipped", lengthMs: 9 } });
  expect(raised.notice).toEqual({ kind: "skipped", lengthMs: 9 });
  expect(after(raised, { type: "noticeExpired" }).notice).toBeNull();
  expect(after(INITIAL, { type: "noticeExpired" })).toBe(INITIAL);
});

describe("failed requests", () => {
  const request = {
    timeMs: 1,
    timesMs: [1],
    windowId: "w",
    kind: "request",
    method: "",
    address: "/",
    status: 500,
  } as const;
  const session = { session: { totals: { failedRequestCount: 3n } } } as PlayerState["details"];
  const part: PlayerEvent = { type: "rowsRead", consoleRows: [], networkRows: [], oddEvents: [], state: "part" };

  it.each([
    [0, true],
    [2, true],
    [3, false],
  ])("may be missing in a part of a session with three, of which %i are listed: %s", (count, mayMiss) => {
    const actions = count === 0 ? [] : [{ ...request, count }];
    const found = { ...state(part, { type: "actionsFound", actions }), details: session };
    expect(mayMissRequests(found)).toBe(mayMiss);
    expect(mayMissRequests({ ...found, rowsState: "all" })).toBe(false);
  });
});
