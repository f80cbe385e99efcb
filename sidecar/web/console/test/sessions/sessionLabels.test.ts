import { create } from "@bufbuild/protobuf";
import { ActorType, DeviceType } from "@contract/recording/v1/enums_pb";
import { SessionSchema, TotalsSchema } from "@contract/recording/v1/session_pb";
import { describe, expect, it } from "vitest";
import { actorText, deviceText, pageText, troublesOf } from "../../src/sessions/sessionLabels";

describe("labels of a session", () => {
  it("return the visitor's id, or the kind of visitor", () => {
    expect(actorText(create(SessionSchema, { actorId: "ada", actorType: ActorType.USER }))).toBe("ada");
    const sessionId = "018bcfe5-6800-7a2b-97eb-013333cb3f2a";
    expect(actorText(create(SessionSchema, { sessionId, actorType: ActorType.ANONYMOUS }))).toBe("Visitor 3f2a");
    expect(actorText(create(SessionSchema, { sessionId }))).toBe("Visitor 3f2a");
    expect(actorText(create(SessionSchema, { actorType: ActorType.BOT }))).toBe("Bot");
  });

  it("return the known parts of the device", () => {
    const phone = { deviceType: DeviceType.MOBILE, browser: "Chrome", system: "Android" };
    expect(deviceText(create(SessionSchema, phone))).toBe("Phone, Chrome on Android");
    expect(deviceText(create(SessionSchema, { ...phone, browser: "" }))).toBe("Phone, Android");
    expect(deviceText(create(SessionSchema, {}))).toBe("Unknown device");
    const viewport = { width: 1200, height: 800 };
    expect(deviceText(create(SessionSchema, { viewport }))).toBe("1200 × 800 px");
    expect(deviceText(create(SessionSchema, { viewport: { width: 0, height: 0 } }))).toBe("Unknown device");
    expect(deviceText(create(SessionSchema, { browser: "Chrome", system: "Linux", viewport }))).toBe("Chrome on Linux");
  });

  it("show a page without its query, and other texts unchanged", () => {
    expect(pageText("https://shop.example/caf%C3%A9/?q=1#x")).toEqual({ path: "/café/", host: "shop.example" });
    expect(pageText("https://shop.example/%E0%A4%A")).toEqual({ path: "https://shop.example/%E0%A4%A", host: "" });
    expect(pageText("")).toEqual({ path: "No page yet", host: "" });
  });

  it("list troubles only, the gravest first", () => {
    const totals = create(TotalsSchema, { deadClickCount: 1n, errorCount: 2n, clickCount: 9n, mouseThrashCount: 2n });
    expect(troublesOf(totals).map(({ text }) => text)).toEqual(["2 errors", "1 dead click", "2 mouse thrashes"]);
    expect(troublesOf(undefined)).toEqual([]);
  });
});
