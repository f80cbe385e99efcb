import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { type Interaction, InteractionSchema } from "@contract/recording/v1/interaction_pb";
import { describe, expect, it } from "vitest";
import { literalPart, pageMomentOf } from "../../src/heatmap/pageMoment";

const SHOP = "https://shop.example/";
const ORDER = "https://shop.example/orders/:id";
const T0 = 1_700_000_000_000;
const WIDE = { width: 1280, height: 720 };

function opened(page: string, offsetMs: number, width = 1280, windowId = "a"): Interaction {
  return create(InteractionSchema, {
    sessionId: "s",
    windowId,
    kind: InteractionKind.PAGE,
    page,
    time: timestampFromMs(T0 + offsetMs),
    viewport: { width, height: 720 },
  });
}

describe("the moment that shows a page", () => {
  it("is two seconds after it was opened", () => {
    const found = pageMomentOf([opened(SHOP, 0), opened(ORDER, 10_000)], ORDER, WIDE);
    expect(found).toEqual({ sessionId: "s", windowId: "a", timeMs: T0 + 12_000, viewport: WIDE });
  });

  it("is before the next page of the same window", () => {
    const pages = [opened(SHOP, 0), opened(ORDER, 500, 1280, "b"), opened(ORDER, 1_000)];
    expect(pageMomentOf(pages, SHOP, WIDE)?.timeMs).toBe(T0 + 980);
  });

  it("is never before the page itself", () => {
    expect(pageMomentOf([opened(SHOP, 100), opened(ORDER, 105)], SHOP, WIDE)?.timeMs).toBe(T0 + 100);
  });

  it("is of the visit with the viewport nearest to the typical one", () => {
    const pages = [opened(SHOP, 0, 390), opened(ORDER, 5_000, 390), opened(SHOP, 9_000, 1200), opened(ORDER, 20_000)];
    expect(pageMomentOf(pages, SHOP, WIDE)?.timeMs).toBe(T0 + 11_000);
  });

  it("is undefined where the session does not show the page", () => {
    expect(pageMomentOf([opened(SHOP, 0)], ORDER, WIDE)).toBeUndefined();
  });
});

describe("the common part of a page's addresses", () => {
  it.each([
    [SHOP, SHOP],
    [ORDER, "https://shop.example/orders/"],
    ["https://a.example/:id/a/very/long/way/to/the/settings/of/:id", "/a/very/long/way/to/the/settings/of/"],
    ["https://a.example/identity/:date", "https://a.example/identity/"],
  ])("%s", (page, literal) => {
    expect(literalPart(page)).toBe(literal);
  });
});
