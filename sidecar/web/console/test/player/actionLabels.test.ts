import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import { describe, expect, it } from "vitest";
import { type Action, actionsOf } from "../../src/player/actions";
import { actionHint, actionLabel, actionText, isFound } from "../../src/player/labels";
import { click, failed, interaction, type Rest, target } from "./interactions";

const only = (one: Interaction): Action => {
  const [action] = actionsOf([one], []);
  if (action === undefined) {
    throw new Error("no row");
  }
  return action;
};
const clicked = (...about: Parameters<typeof target>): Action => only(click(1_000, { target: target(...about) }));
const input = (count: number, ...about: Parameters<typeof target>): string =>
  actionText(only(interaction(InteractionKind.INPUT, 1_000, { count, target: target(...about) })));

describe("a name", () => {
  it("is apart from the player's words, with the role beside it", () => {
    expect(actionLabel(clicked("Download all invoices"))).toEqual({
      before: "Clicked",
      quoted: { text: "Download all invoices", isCode: false },
      mark: "",
      tail: "",
      note: "",
      role: "button",
    });
  });

  it.each([
    ["the selector", "", { selector: '[data-testid="download"]' }, '[data-testid="download"]'],
    ["the tag", "", { selector: "", tag: "svg" }, "svg"],
    ["the selector of a masked name", "*** ********", { selector: "#pay" }, "#pay"],
    ["the selector of a masked letter", "*", { selector: "#pay" }, "#pay"],
    ["the selector of dots", "••••", { selector: "#pay" }, "#pay"],
    ["the selector of spaces", " \u00a0\n", { selector: "#pay" }, "#pay"],
    ["the selector of invisible characters", "\u200b\u200d\ufeff", { selector: "#pay" }, "#pay"],
  ])("that is missing is replaced by %s, as code", (_, name, about, text) => {
    expect(actionLabel(clicked(name, about)).quoted).toEqual({ text, isCode: true });
  });

  it("that is masked is used where nothing else is known", () => {
    expect(actionText(clicked("***", { selector: "", tag: "" }))).toBe("Clicked ***");
  });

  it.each(["×", "+", "…", "→", "🛒", "👩‍👩‍👧", "E-mail *", "***-1234"])("of few characters is a name: %s", (name) => {
    expect(actionLabel(clicked(name)).quoted).toEqual({ text: name, isCode: false });
  });

  it("is one line", () => {
    expect(actionText(clicked("Download\n\t all\u2028invoices\u0007"))).toBe("Clicked Download all invoices");
  });

  it("of 80 characters is whole in the text and in the hint", () => {
    const name = "Ä".repeat(40) + "🧾".repeat(20);
    expect(actionText(clicked(name))).toBe(`Clicked ${name}`);
    expect(actionHint(clicked(name))).toContain(name);
  });

  it("from right to left does not turn the words around it", () => {
    expect(actionText(clicked("تنزيل الفواتير"))).toBe("Clicked \u2068تنزيل الفواتير\u2069");
    expect(actionText(clicked("הורדה"))).toBe("Clicked \u2068הורדה\u2069");
    expect(actionText(clicked("gpj.\u202eexe"))).toBe("Clicked \u2068gpj.\u202eexe\u2069");
  });

  it("is never HTML", () => {
    const name = "<img src=x onerror=alert(1)>";
    expect(actionText(clicked(name))).toBe(`Clicked ${name}`);
  });

  it("is not known in recordings of earlier versions", () => {
    const words = (kind: InteractionKind, rest: Rest = {}): string => actionText(only(interaction(kind, 1_000, rest)));
    expect(words(InteractionKind.CLICK)).toBe("Click");
    expect(words(InteractionKind.DOUBLE_CLICK)).toBe("Double click");
    expect(words(InteractionKind.CONTEXT_MENU)).toBe("Right click");
    expect(words(InteractionKind.TOUCH)).toBe("Touch");
    expect(words(InteractionKind.INPUT)).toBe("Input");
    expect(words(InteractionKind.INPUT, { count: 13 })).toBe("Input: 13 changes of a field");
    expect(words(InteractionKind.RAGE_CLICK, { count: 8 })).toBe("Rage click: 8 clicks on one spot");
    expect(words(InteractionKind.DEAD_CLICK)).toBe("Dead click: nothing answered");
    expect(words(InteractionKind.ERROR_CLICK, { detail: '"a"' })).toBe("Error after a click: a");
  });

  it("is not made up from a target without anything in it", () => {
    expect(actionText(clicked("", { role: "", tag: "", selector: "" }))).toBe("Click");
  });
});

describe("input", () => {
  it("is typed in a field, with the number of changes", () => {
    const field = { role: "textbox", tag: "input", selector: "#email" };
    expect(input(13, "E-mail", field)).toBe("Typed in E-mail (13 changes)");
    expect(input(1, "E-mail", field)).toBe("Typed in E-mail");
    expect(input(2, "Password", { ...field, role: "" })).toBe("Typed in Password (2 changes)");
    expect(input(2, "City", { ...field, role: "combobox" })).toBe("Typed in City (2 changes)");
  });

  it.each([
    ["checkbox", "input"],
    ["radio", "input"],
    ["slider", "input"],
    ["switch", "input"],
    ["combobox", "select"],
    ["listbox", "select"],
  ])("of a %s is a change", (role, tag) => {
    expect(input(1, "Country", { role, tag })).toBe("Changed Country");
  });
});

describe("the other kinds", () => {
  it.each([
    [InteractionKind.PAGE, { detail: "https://shop.example/cart?x=***" }, "Opened /cart?x=***"],
    [InteractionKind.PAGE, { page: "https://shop.example/cart" }, "Opened /cart"],
    [InteractionKind.PAGE, {}, "Opened a page"],
    [InteractionKind.QUICK_BACK, { detail: "https://shop.example/cart" }, "Quick back to /cart"],
    [InteractionKind.QUICK_BACK, {}, "Quick back"],
    [InteractionKind.MOUSE_THRASH, { count: 8 }, "Mouse thrash: 8 turns"],
    [InteractionKind.ERROR, {}, "Error"],
    [InteractionKind.UNSPECIFIED, { detail: "new in a later version" }, "Something else: new in a later version"],
  ])("%s", (kind, rest, words) => {
    expect(actionText(only(interaction(kind, 1_000, rest)))).toBe(words);
  });
});

describe("an error's message", () => {
  it.each([
    [
      "\"Uncaught TypeError: Cannot read properties of undefined (reading 'lines')\"",
      "Uncaught TypeError: Cannot read properties of undefined (reading 'lines')",
    ],
    ['"failed:" {"code":7,"text":"a b"}', 'failed: {"code":7,"text":"a b"}'],
    ['"a \\"b\\" c" 7', 'a "b" c 7'],
    ['"it was cut off \\"at', 'it was cut off "at'],
    ['"it was cut off \\u00', "it was cut off \\u00"],
    ["Script error.", "Script error."],
    ['"Error: no\\n    at pay (https://a.example/b.js:1:2)\\n    at https://a.example/b.js:9:9"', "Error: no"],
    ['"no\\npay@https://a.example/b.js:1:2"', "no"],
    ['"two\\nlines"', "two lines"],
    ["", ""],
  ])("has no quotes of JSON and no stack: %s", (detail, message) => {
    expect(only(interaction(InteractionKind.ERROR, 1_000, { detail }))).toMatchObject({ message });
  });
});

describe("the hint", () => {
  it("has the whole row, the role and the selector", () => {
    const about = { selector: '[data-testid="download"]' };
    expect(actionHint(clicked("Download", about))).toBe('Clicked Download\nbutton\n[data-testid="download"]');
    expect(actionHint(clicked("***", about))).toBe(
      'Clicked [data-testid="download"]\nbutton\n[data-testid="download"]\nIts name is masked',
    );
    const [request] = actionsOf([], [failed(1_000)]);
    expect(request && actionHint(request)).toBe("Request failed: GET /api/invoices 500\nshop.example/api/invoices");
  });

  it("has the tag of an element without a role, and plain words for roles", () => {
    expect(actionHint(clicked("Word", { role: "", tag: "p", selector: "" }))).toBe("Clicked Word\np");
    expect(actionLabel(clicked("E-mail", { role: "textbox" })).role).toBe("text field");
    expect(actionLabel(clicked("Box", { role: "generic" })).role).toBe("");
    expect(actionLabel(clicked("Box", { role: "constructor" })).role).toBe("constructor");
  });
});

describe("a search", () => {
  const action = clicked("Rechnungen für März", { selector: "#march" });

  it.each(["", "  ", "rechnungen", "FÜR", "fu\u0308r", "märz", "clicked", "button", "#march"])("finds %j", (wanted) => {
    expect(isFound(action, wanted)).toBe(true);
  });

  it.each(["typed", "april", ".*"])("does not find %j", (wanted) => {
    expect(isFound(action, wanted)).toBe(false);
  });

  it("finds a name from right to left with the words around it", () => {
    expect(isFound(clicked("הורדה"), "clicked הורדה")).toBe(true);
  });
});
