import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ListInteractionsResponseSchema, ListSessionsResponseSchema } from "@contract/audit/v1/audit_service_pb";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import { SessionsReportData } from "../../src/report/sessionsReportData";

const DAY_MS = 86_400_000;
const none = (): Promise<void> => Promise.resolve();

function inBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function sessions(...made: { id: string; day: number; errors?: number; actorId?: string }[]): string {
  const list = made.map(({ id, day, errors = 0, actorId = "" }) => ({
    sessionId: id,
    startTime: timestampFromMs(day * DAY_MS + DAY_MS / 2),
    actorId,
    totals: { clickCount: 2n, pageCount: 1n, errorCount: BigInt(errors) },
  }));
  return inBase64(toBinary(ListSessionsResponseSchema, create(ListSessionsResponseSchema, { sessions: list })));
}

describe("the data of a report of sessions", () => {
  it("counts each session once, up to a number", () => {
    const data = new SessionsReportData(none);
    data.take(sessions({ id: "c", day: 2, errors: 3 }, { id: "b", day: 1, actorId: "alice" }), 3);
    data.take(sessions({ id: "b", day: 1 }, { id: "a", day: 1, actorId: "alice" }, { id: "0", day: 0 }), 3);
    expect(data.sessions.map(({ sessionId }) => sessionId)).toEqual(["c", "b", "a"]);
    expect(data.sums).toEqual({ visitors: 1, pages: 3, clicks: 6, lengthMs: 0, troubled: 1 });
    expect(data.days.map((day) => [day.sessions, day.clicks, day.troubles[0]])).toEqual([
      [1, 2, 3],
      [2, 4, 0],
    ]);
    expect(data.troubles[0]).toEqual({ name: "Errors", count: 3, sessions: 1 });
    expect(data.worstSessions.map(({ sessionId }) => sessionId)).toEqual(["c"]);
  });

  it("counts pages and elements, the worst first", () => {
    const data = new SessionsReportData(none);
    const at = (kind: InteractionKind, page: string, sessionId = "a", name = "") => ({
      ...{ kind, page, sessionId },
      ...(name === "" ? {} : { target: { name, selector: `#${name}`, role: "button", tag: "button" } }),
    });
    const interactions = [
      at(InteractionKind.PAGE, "/seen"),
      at(InteractionKind.PAGE, "/seen", "b"),
      at(InteractionKind.PAGE, "/bad"),
      at(InteractionKind.RAGE_CLICK, "/bad", "a", "pay"),
      at(InteractionKind.ERROR_CLICK, "/bad", "b", "pay"),
      at(InteractionKind.DEAD_CLICK, "/bad", "a", "help"),
      at(InteractionKind.ERROR, "/bad"),
      at(InteractionKind.FAILED_REQUEST, "/seen"),
    ];
    const answer = create(ListInteractionsResponseSchema, { interactions });
    data.interactions(inBase64(toBinary(ListInteractionsResponseSchema, answer)));
    expect(data.pages.map(({ page, views, sessions: of }) => [page, views, of.size])).toEqual([
      ["/seen", 2, 2],
      ["/bad", 1, 2],
    ]);
    expect(data.worstPages.map(({ page }) => page)).toEqual(["/bad", "/seen"]);
    expect(
      data.worstElements.map(({ target, rageClicks, errorClicks }) => [target.name, rageClicks, errorClicks]),
    ).toEqual([
      ["pay", 1, 1],
      ["help", 0, 0],
    ]);
  });
});
