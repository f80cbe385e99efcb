import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { SessionOrder } from "@contract/audit/v1/audit_service_pb";
import { DeviceType, SessionStatus } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import {
  filterMessage,
  filtersOf,
  inOrder,
  isFiltered,
  NO_FILTERS,
  queryOf,
  type Filters,
} from "../../src/sessions/filters";

const read = (query: string): Filters => filtersOf(new URLSearchParams(query));

const everything: Filters = {
  since: "7d",
  from: "",
  to: "",
  actor: "ana@shop.example & co",
  page: "/cart?x=1",
  devices: [DeviceType.DESKTOP, DeviceType.TABLET],
  statuses: [SessionStatus.LIVE],
  minSeconds: 60,
  hasRageClicks: true,
  hasDeadClicks: true,
  hasErrors: true,
  order: SessionOrder.LONGEST_FIRST,
};

describe("filters in the address", () => {
  it("survive a round trip", () => {
    expect(read(queryOf(everything).toString())).toEqual(everything);
    const days = { ...everything, since: null, from: "2026-11-01", to: "2026-11-25" };
    expect(read(queryOf(days).toString())).toEqual(days);
  });

  it("leave an address without filters empty", () => {
    expect(queryOf(NO_FILTERS).toString()).toBe("");
    expect(read("")).toEqual(NO_FILTERS);
  });

  it.each([
    "since=never",
    "since=toString",
    "from=yesterday",
    "from=2026-13-45",
    "device=toaster,__proto__",
    "status=7",
    "min=-5",
    "min=NaN",
    "min=Infinity",
    "rage=yes",
    "order=constructor",
    "unknown=1",
  ])("ignore invalid values: %s", (query) => {
    expect(read(query)).toEqual(NO_FILTERS);
  });

  it("cut texts to the server's limit", () => {
    expect(read(`page=${"x".repeat(1000)}`).page).toHaveLength(256);
  });
});

describe("filterMessage", () => {
  it("sets only the active filters", () => {
    const message = filterMessage(NO_FILTERS, 0);
    expect(message.startTime).toBeUndefined();
    expect(message.hasErrors).toBeUndefined();
    expect(message.minDuration).toBeUndefined();
  });

  it("counts times back from now", () => {
    const message = filterMessage(everything, 1_800_000_000_000);
    expect(message.startTime && timestampMs(message.startTime)).toBe(1_800_000_000_000 - 7 * 86_400_000);
    expect(message.minDuration && durationMs(message.minDuration)).toBe(60_000);
    expect(message).toMatchObject({
      hasRageClicks: true,
      hasDeadClicks: true,
      hasErrors: true,
      actorId: everything.actor,
    });
  });

  it("takes a last day to its end, by the viewer's clock", () => {
    const message = filterMessage({ ...NO_FILTERS, from: "2026-11-24", to: "2026-11-25" }, 0);
    expect(message.startTime && timestampMs(message.startTime)).toBe(new Date(2026, 10, 24).getTime());
    expect(message.endTime && timestampMs(message.endTime)).toBe(new Date(2026, 10, 26).getTime());
  });
});

describe("inOrder", () => {
  it("gives a range to an order that reads everything", () => {
    expect(inOrder(NO_FILTERS, SessionOrder.LONGEST_FIRST)).toMatchObject({ since: "30d" });
    expect(inOrder({ ...NO_FILTERS, since: "24h" }, SessionOrder.MOST_ERRORS_FIRST)).toMatchObject({ since: "24h" });
    expect(inOrder(NO_FILTERS, SessionOrder.OLDEST_FIRST)).toMatchObject({ since: null });
  });
});

describe("isFiltered", () => {
  it("does not take an order for a filter", () => {
    expect(isFiltered({ ...NO_FILTERS, order: SessionOrder.OLDEST_FIRST })).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, hasErrors: true })).toBe(true);
  });
});
