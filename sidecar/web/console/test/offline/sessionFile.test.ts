import { timestampMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind, SessionStatus } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import { addressOf, partText } from "../../src/offline/OfflinePage";
import { detailsOf, type FileSession, interactionsOf, sessionOf, VERSION } from "../../src/offline/sessionFile";
import { lengthMs, timeMs } from "../../src/player/details";
import { INITIAL } from "../../src/player/playerState";

const T = 1_790_000_000_000;
const session: FileSession = {
  version: VERSION,
  sessionId: "s",
  startMs: T,
  durationMs: 65_000,
  range: { startMs: null, endMs: null },
  exportedMs: T + 1e6,
  windows: [
    { windowId: "a", startMs: T },
    { windowId: "b", startMs: T + 5_000 },
  ],
  pages: [
    { windowId: "a", url: "https://shop.example/", openMs: T },
    { windowId: "b", url: "https://shop.example/b", openMs: T + 5_000 },
    { windowId: "a", url: "https://shop.example/next", openMs: T + 9_000 },
  ],
};

describe("the session of a file", () => {
  it("is read in this version only", () => {
    expect(sessionOf(JSON.stringify(session))).toEqual(session);
    expect(() => sessionOf(JSON.stringify({ ...session, version: 2 }))).toThrow("version 2");
    expect(() => sessionOf("{")).toThrow(SyntaxError);
  });

  it("is described as the server would", () => {
    const details = detailsOf(session);
    expect(timeMs(details.session?.startTime)).toBe(T);
    expect(lengthMs(details.session?.duration)).toBe(65_000);
    expect(details.session?.status).toBe(SessionStatus.ENDED);
    expect(details.windows.map(({ windowId, startTime }) => [windowId, timeMs(startTime) - T])).toEqual([
      ["a", 0],
      ["b", 5_000],
    ]);
    expect(details.pages.map(({ url, openTime }) => [url, timeMs(openTime) - T])).toEqual([
      ["https://shop.example/", 0],
      ["https://shop.example/b", 5_000],
      ["https://shop.example/next", 9_000],
    ]);
  });

  it("has the address of the page that is shown", () => {
    const state = { ...INITIAL, details: detailsOf(session) };
    const at = (windowId: string | null, ms: number): string => addressOf({ ...state, windowId, atMs: T + ms });
    expect(at("a", 8_999)).toBe("https://shop.example/");
    expect(at("a", 9_000)).toBe("https://shop.example/next");
    expect(at("b", 9_000)).toBe("https://shop.example/b");
    expect(at("b", 0)).toBe("https://shop.example/b");
    expect(at(null, 0)).toBe("https://shop.example/");
    expect(addressOf(INITIAL)).toBe("");
  });

  it("names its part", () => {
    const part = (startMs: number | null, endMs: number | null): string =>
      partText({ ...session, range: { startMs, endMs } });
    expect(part(null, null)).toBe("");
    expect(part(1_500, null)).toBe("the part from 0:01 to the end");
    expect(part(null, 62_000)).toBe("the part from 0:00 to 1:02");
  });
});

describe("interactions of a file", () => {
  const columns = ["window_id", "number", "time", "kind", "x_percent", "count", "target_name", "node_id", "seq"];

  it("are those of the rows", () => {
    const [click, move, odd] = interactionsOf({
      columns,
      rows: [
        ["a", 7, T + 5, "rage_click", 12.5, 4, "Pay", 9, 2],
        ["a", 8, T + 6, "move", 0, 1, null, null, 2],
        ["a", 9, T + 7, "of_a_later_version", "x", null, 5, Infinity, null],
      ],
    });
    expect(click).toMatchObject({ windowId: "a", number: 7n, xPercent: 12.5, count: 4, nodeId: 9n, seq: 2n });
    expect(click?.kind).toBe(InteractionKind.RAGE_CLICK);
    expect(click?.time === undefined ? 0 : timestampMs(click.time)).toBe(T + 5);
    expect(click?.target?.name).toBe("Pay");
    expect(move?.kind).toBe(InteractionKind.MOVE);
    expect(move?.target).toBeUndefined();
    expect(odd).toMatchObject({ kind: InteractionKind.UNSPECIFIED, xPercent: 0, count: 0, nodeId: 0n, detail: "" });
  });
});
