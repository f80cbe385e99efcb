import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import { describe, expect, it } from "vitest";
import { actionsOf } from "../../src/player/actions";
import { actionText } from "../../src/player/labels";
import type { NetworkRow } from "../../src/player/protocol";
import {
  click,
  dead,
  doubleClick,
  error,
  errorClick,
  failed,
  failedRequest,
  interaction,
  rage,
  target,
  touch,
} from "./interactions";

const BUTTON = { target: target("Download all invoices") };
const texts = (interactions: readonly Interaction[], requests: readonly NetworkRow[] = []): string[] =>
  actionsOf(interactions, requests).map(actionText);
/** Clicks of one run, 100 ms apart. */
const run = (fromMs: number, count: number, rest = {}): Interaction[] =>
  Array.from({ length: count }, (_, index) => click(fromMs + index * 100, rest));
const inOrder = (interactions: Interaction[]): Interaction[] =>
  interactions.toSorted((one, other) => Number(one.time?.seconds) - Number(other.time?.seconds) || nanos(one, other));
const nanos = (one: Interaction, other: Interaction): number => (one.time?.nanos ?? 0) - (other.time?.nanos ?? 0);

describe("a rage click", () => {
  it("is one row, without its clicks", () => {
    const clicks = [click(0, { nodeId: 1n }), ...run(2_000, 8, BUTTON), click(9_000, BUTTON)];
    expect(texts(inOrder([...clicks, rage(2_000, 8, BUTTON)]))).toEqual([
      "Click",
      "Rage click: 8 times on Download all invoices",
      "Clicked Download all invoices",
    ]);
  });

  it("has the same rows whether it comes before or after its first click", () => {
    const [first, ...others] = run(2_000, 4, BUTTON) as [Interaction, ...Interaction[]];
    const found = rage(2_000, 4, BUTTON);
    expect(texts([found, first, ...others])).toEqual(texts([first, found, ...others]));
    expect(texts([first, found, ...others])).toHaveLength(1);
  });

  it("is one row with its double clicks, dead clicks and touches", () => {
    const touches = Array.from({ length: 4 }, (_, index) => touch(1_990 + index * 100, BUTTON));
    const found = [doubleClick(2_101, BUTTON), doubleClick(2_301, BUTTON), dead(2_000, BUTTON), rage(2_000, 4, BUTTON)];
    expect(texts(inOrder([...touches, ...run(2_000, 4, BUTTON), ...found]))).toEqual([
      "Rage click: 4 times on Download all invoices, nothing answered",
    ]);
  });

  it("leaves out no click that is not its own", () => {
    // Another run right after it, on the same spot; and a window in which the same is done at the same time.
    const one = [...run(2_000, 3, BUTTON), rage(2_000, 3, BUTTON)];
    const next = [...run(3_500, 5, BUTTON), rage(3_500, 5, BUTTON)];
    const elsewhere = run(2_000, 2, { ...BUTTON, windowId: "other" });
    expect(texts(inOrder([...one, ...next, ...elsewhere])).toSorted()).toEqual([
      "Clicked Download all invoices",
      "Clicked Download all invoices",
      "Rage click: 3 times on Download all invoices",
      "Rage click: 5 times on Download all invoices",
    ]);
  });

  it("takes no click after a pause, where clicks of it are missing", () => {
    expect(texts([rage(2_000, 8), click(2_000), click(2_100), click(9_000)])).toEqual([
      "Rage click: 8 clicks on one spot",
      "Click",
    ]);
  });

  it("stands without any of its clicks", () => {
    expect(texts([rage(2_000, 8, BUTTON)])).toEqual(["Rage click: 8 times on Download all invoices"]);
  });

  it("takes the element from its clicks if need be", () => {
    expect(texts([...run(2_000, 3, BUTTON), rage(2_000, 3)])).toEqual(["Rage click: 3 times on Download all invoices"]);
  });
});

describe("a double click", () => {
  it("is one row with its two clicks, at the first one's time", () => {
    const actions = actionsOf([click(1_000, BUTTON), click(1_200, BUTTON), doubleClick(1_201, BUTTON)], []);
    expect(actions.map(actionText)).toEqual(["Double-clicked Download all invoices"]);
    expect(actions[0]?.timeMs).toBe(1_000);
  });

  it("leaves other clicks alone", () => {
    const other = { nodeId: 9n, target: target("Next", { selector: "#next" }) };
    const all = [click(200, BUTTON), click(900, other), click(1_000, BUTTON), click(1_200, BUTTON)];
    expect(texts([...all, doubleClick(1_201, BUTTON)])).toEqual([
      "Clicked Download all invoices",
      "Clicked Next",
      "Double-clicked Download all invoices",
    ]);
  });

  it("of a finger is a double tap", () => {
    const rest = { nodeId: 7n };
    const all = [
      touch(950, rest),
      click(1_000, rest),
      touch(1_150, rest),
      click(1_200, rest),
      doubleClick(1_201, rest),
    ];
    expect(texts(all)).toEqual(["Double tap"]);
  });

  it("stands without its clicks", () => {
    expect(texts([doubleClick(1_000, BUTTON)])).toEqual(["Double-clicked Download all invoices"]);
  });
});

describe("a tap", () => {
  it("is one row: the touch and the click", () => {
    expect(texts([touch(1_000, BUTTON), click(1_090, BUTTON)])).toEqual(["Tapped Download all invoices"]);
  });

  it("is known by its place where the element was replaced meanwhile", () => {
    const [xPercent, yPercent] = [50, 20];
    const moved = click(1_090, { nodeId: 99n, xPercent: 50.5, yPercent: 20.2 });
    expect(texts([touch(1_000, { nodeId: 7n, xPercent, yPercent }), moved])).toEqual(["Tap"]);
  });

  it("is not made of a touch elsewhere, or long before", () => {
    const elsewhere = touch(1_000, { nodeId: 3n, xPercent: 5, yPercent: 5 });
    expect(texts([elsewhere, click(1_090, { xPercent: 90, yPercent: 90 })])).toEqual(["Touch", "Click"]);
    expect(texts([touch(1_000), click(8_000)])).toEqual(["Touch", "Click"]);
    expect(texts([touch(1_000, { nodeId: 0n }), click(1_090)])).toEqual(["Touch", "Click"]);
  });

  it("keeps the touch that scrolled just before it", () => {
    expect(texts([touch(1_000), touch(1_600), click(1_690)])).toEqual(["Touch", "Tap"]);
  });

  it("that opens the context menu is a long press", () => {
    const menu = interaction(InteractionKind.CONTEXT_MENU, 1_600, BUTTON);
    expect(texts([touch(1_000, BUTTON), menu])).toEqual(["Long press on Download all invoices"]);
    expect(texts([menu])).toEqual(["Right-clicked Download all invoices"]);
  });
});

describe("a click on a label", () => {
  const label = { nodeId: 1n, target: target("Newsletter", { tag: "label", role: "", selector: "form > label" }) };
  const field = { nodeId: 2n, target: target("Newsletter", { tag: "input", role: "checkbox", selector: "#news" }) };

  it("is one row with the click that the browser makes of it on the field", () => {
    const actions = actionsOf([click(1_000, label), click(1_001, field)], []);
    expect(actions).toMatchObject([{ kind: "click", target: { role: "checkbox" } }]);
  });

  it("is not mistaken for two clicks by hand, or on elements without a name", () => {
    expect(actionsOf([click(1_000, label), click(1_400, field)], [])).toHaveLength(2);
    const nameless = { target: target("", { selector: "" }) };
    expect(
      actionsOf([click(1_000, { nodeId: 1n, ...nameless }), click(1_001, { nodeId: 2n, ...nameless })], []),
    ).toHaveLength(2);
    expect(actionsOf([click(1_000, { nodeId: 1n }), click(1_001, { nodeId: 2n })], [])).toHaveLength(2);
  });
});

describe("a dead click", () => {
  it("takes the place of its click", () => {
    expect(texts([click(1_000, BUTTON), dead(1_000, BUTTON), click(4_000, BUTTON)])).toEqual([
      "Dead click on Download all invoices",
      "Clicked Download all invoices",
    ]);
  });

  it("is not taken for another click of that time", () => {
    expect(texts([click(1_000, { nodeId: 1n }), dead(1_000, BUTTON)]).toSorted()).toEqual([
      "Click",
      "Dead click on Download all invoices",
    ]);
  });
});

const UNCAUGHT = '"Uncaught TypeError: x is not a function"';

describe("an error", () => {
  it("that follows a click names it, once, at the error's time", () => {
    const actions = actionsOf([click(1_000, BUTTON), errorClick(1_000, UNCAUGHT, BUTTON), error(1_400, UNCAUGHT)], []);
    expect(actions.map(actionText)).toEqual([
      "Clicked Download all invoices",
      "Error after click on Download all invoices: Uncaught TypeError: x is not a function",
    ]);
    expect(actions[1]?.timeMs).toBe(1_400);
  });

  it("that is uncaught and on the console is one", () => {
    const stack =
      '"TypeError: x is not a function\\n    at pay (https://shop.example/shop.js:3:7)\\nEnd of stack for Error object"';
    expect(texts([error(1_000, stack), error(1_001, UNCAUGHT)])).toEqual(["Error: TypeError: x is not a function"]);
    expect(texts([error(1_000, '"Payment failed:" "TypeError: x is not a function"'), error(1_001, UNCAUGHT)])).toEqual(
      ["Error: Payment failed: TypeError: x is not a function"],
    );
    const rejected = '"Uncaught (in promise) Error: no answer"';
    expect(texts([error(1_000, rejected), error(1_002, '"no answer"')])).toEqual([
      "Error: Uncaught (in promise) Error: no answer",
    ]);
  });

  it("that is uncaught and on the console belongs to the click as one", () => {
    const all = [errorClick(900, '"x is not a function"', BUTTON), error(1_000, '"x is not a function"')];
    expect(texts([...all, error(1_001, UNCAUGHT)])).toEqual([
      "Error after click on Download all invoices: x is not a function",
    ]);
  });

  it("that repeats has a count, in both wordings too, and each time is kept for the timeline", () => {
    const actions = actionsOf([error(1_000, UNCAUGHT), error(2_000, UNCAUGHT), error(70_000, UNCAUGHT)], []);
    expect(actions.map(actionText)).toEqual(["Error: Uncaught TypeError: x is not a function (3 times)"]);
    expect(actions[0]?.timesMs).toEqual([1_000, 2_000, 70_000]);
    const written = '"TypeError: x is not a function"';
    const both = [1_000, 5_000].flatMap((ms) => [error(ms, written), error(ms + 1, UNCAUGHT)]);
    expect(actionsOf(both, [])).toMatchObject([{ count: 2, timesMs: [1_000, 5_000] }]);
  });

  it.each([
    ["another message", [error(1_000, '"a"'), error(1_001, '"b"')]],
    ["another class", [error(1_000, '"TypeError: a"'), error(1_001, '"RangeError: a"')]],
    [
      "a message that ends alike, later",
      [error(1_000, '"Failed: TypeError: x is not a function"'), error(9_000, UNCAUGHT)],
    ],
    ["another window", [error(1_000, '"a"'), error(1_001, '"a"', { windowId: "other" })]],
    [
      "another click",
      [
        errorClick(900, '"a"', BUTTON),
        error(1_000, '"a"'),
        errorClick(2_000, '"a"', { target: target("Next", { selector: "#next" }) }),
        error(2_100, '"a"'),
      ],
    ],
  ])("is not merged with %s", (_, interactions) => {
    expect(actionsOf(inOrder(interactions), [])).toHaveLength(2);
  });

  it("is not merged over another row", () => {
    expect(texts([error(1_000, '"a"'), click(1_500), error(2_000, '"a"')])).toEqual(["Error: a", "Click", "Error: a"]);
  });

  it("of each click of a rage click is one row beside it", () => {
    const clicks = run(1_000, 5, BUTTON);
    const errors = clicks.flatMap((_, index) => {
      const ms = 1_000 + index * 100;
      return [errorClick(ms, '"refused"', BUTTON), error(ms + 20, '"refused"')];
    });
    expect(texts(inOrder([...clicks, ...errors, rage(1_000, 5, BUTTON)]))).toEqual([
      "Rage click: 5 times on Download all invoices",
      "Error after click on Download all invoices: refused (5 times)",
    ]);
  });

  it("without an interaction of its own has the row of its click", () => {
    expect(texts([errorClick(1_000, '"a"', BUTTON)])).toEqual(["Error after click on Download all invoices: a"]);
    expect(texts([errorClick(1_000, '"a"')])).toEqual(["Error after a click: a"]);
    expect(texts([errorClick(1_000, '"a"'), error(6_000, '"b"')])).toHaveLength(2);
    expect(texts([errorClick(1_000, '"a"'), click(3_000), error(6_000, '"a"')])).toEqual([
      "Error after a click: a",
      "Click",
      "Error: a",
    ]);
  });
});

describe("failed requests", () => {
  it("are rows among the others, with their method where it was recorded", () => {
    const stored = [
      failedRequest(1_500, "GET shop.example/api/invoices 500"),
      failedRequest(3_000, "shop.example/api/invoices 0"),
      failedRequest(4_000, "500"),
    ];
    const requests = [failed(5_000, { method: "" }), failed(6_000, { method: "", status: 0 })];
    expect(texts([click(1_000, BUTTON), click(2_000, BUTTON), ...stored], requests)).toEqual([
      "Clicked Download all invoices",
      "Request failed: GET /api/invoices 500",
      "Clicked Download all invoices",
      "Request failed: /api/invoices no answer",
      "Request failed: 500",
      "Request failed: /api/invoices 500",
      "Request failed: /api/invoices no answer",
    ]);
  });

  it("that repeat have a count, whether they are stored or in a chunk", () => {
    const requests = [failed(2_000), failed(3_000, { status: 503 }), failed(4_000, { method: "POST" })];
    expect(texts([failedRequest(1_000, "GET shop.example/api/invoices 500")], requests)).toEqual([
      "Request failed: GET /api/invoices 500 (2 times)",
      "Request failed: GET /api/invoices 503",
      "Request failed: POST /api/invoices 500",
    ]);
  });

  it("have the time at which they were reported", () => {
    const [request] = actionsOf([], [failed(1_000, { reportedMs: 9_000 })]);
    expect(request?.timeMs).toBe(9_000);
  });

  it("of an unknown form are rows", () => {
    expect(texts([failedRequest(1_000, "a form of later versions")])).toEqual([
      "Failed request: a form of later versions",
    ]);
  });
});

describe("all interactions", () => {
  it("have a row of some kind, in the order of time", () => {
    const kinds = Object.values(InteractionKind).filter((kind) => typeof kind === "number");
    const interactions = kinds.map((kind, index) => interaction(kind, index * 10_000, { nodeId: BigInt(index + 1) }));
    const actions = actionsOf(interactions, []);
    expect(actions.map(({ timeMs }) => timeMs)).toEqual(interactions.map((_, index) => index * 10_000));
    expect(actions.map(actionText).filter((words) => words === "")).toEqual([]);
  });

  it("of a long session are taken at once", () => {
    const many = Array.from({ length: 50_000 }, (_, index) => [touch(index * 500), click(index * 500 + 50)]).flat();
    expect(actionsOf(many, [])).toHaveLength(50_000);
  });
});
