import { describe, expect, it } from "vitest";
import { isTaken, orderOf } from "../../src/player/keyboard";

const key = (name: string, rest: Partial<KeyboardEvent> = {}) => ({
  key: name,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...rest,
});

describe("keys", () => {
  it.each([
    [" ", { kind: "toggle" }],
    ["ArrowRight", { kind: "seek-by", stepMs: 5_000 }],
    ["0", { kind: "seek-to-part", part: 0 }],
    ["9", { kind: "seek-to-part", part: 0.9 }],
    ["?", { kind: "help" }],
    ["f", { kind: "full-screen" }],
  ])("%j", (name, order) => {
    expect(orderOf(key(name))).toEqual(order);
  });

  it("go farther with shift", () => {
    expect(orderOf(key("ArrowLeft", { shiftKey: true }))).toEqual({ kind: "seek-by", stepMs: -30_000 });
  });

  it("are the browser's with Ctrl, Alt or Meta", () => {
    expect(orderOf(key("f", { ctrlKey: true }))).toBeNull();
    expect(orderOf(key("ArrowLeft", { altKey: true }))).toBeNull();
  });

  it("do nothing else", () => {
    expect(orderOf(key("q"))).toBeNull();
  });
});

describe("keys of the focused element", () => {
  const element = (html: string): Element | null => {
    document.body.innerHTML = html;
    return document.body.firstElementChild;
  };

  it.each([
    ["<input type='search'>", "f", true],
    ["<select></select>", "ArrowRight", true],
    ["<button>x</button>", " ", true],
    ["<button>x</button>", "f", false],
    ["<input type='checkbox'>", "f", false],
    ["<input type='checkbox'>", " ", true],
    ["<div></div>", " ", false],
  ])("%s: %j", (html, name, taken) => {
    expect(isTaken(element(html), name)).toBe(taken);
  });
});
