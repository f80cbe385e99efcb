import { describe, expect, it } from "vitest";
import { checkEvent } from "../../src/player/frame/eventShape";

const event = (type: number, data: unknown) => ({ type, timestamp: 1, data });
const change = (source: number, data: object = {}) => event(3, { source, ...data });
const html = { type: 2, id: 3, tagName: "html", attributes: {}, childNodes: [] };
const page = { type: 0, id: 1, childNodes: [html] };
const added = { type: 2, id: 9, tagName: "p", attributes: {}, childNodes: [] };
const empty = { texts: [], attributes: [], removes: [], adds: [] };
const checked = (odd: { type: number; timestamp: number; data: unknown }) => ({ ...checkEvent(odd), data: odd.data });

describe("an event is left out", () => {
  it.each([
    [2, null],
    [2, undefined],
    [3, null],
    [3, undefined],
    [3, "text"],
    [3, []],
    [4, null],
    [4, 7],
    [5, null],
    [5, {}],
    [6, undefined],
    [6, { plugin: 7 }],
  ])("without data: type %j, %j", (type, data) => {
    expect(checkEvent(event(type, data))).toEqual({ isShown: false, reason: "no-data" });
  });

  it.each([7, 99, -1, 3.5])("of the unknown type %j", (type) => {
    expect(checkEvent(event(type, { x: 1 }))).toEqual({ isShown: false, reason: "unknown-kind" });
  });

  it.each([77, -1, "0", null, undefined])("of the unknown source %j", (source) => {
    expect(checkEvent(event(3, { source }))).toEqual({ isShown: false, reason: "unknown-kind" });
  });

  it.each([
    ["no node", {}],
    ["a node that is null", { node: null }],
    ["an element in place of a document", { node: html }],
    ["an empty document", { node: { type: 0, id: 1, childNodes: [] } }],
    ["a document without <html>", { node: { type: 0, id: 1, childNodes: [{ type: 5, id: 2, textContent: "" }] } }],
    ["a document without an id", { node: { type: 0, childNodes: [html] } }],
  ])("that is a snapshot of %s", (_, data) => {
    expect(checkEvent(event(2, data))).toEqual({ isShown: false, reason: "no-page" });
  });

  it.each([
    [0, 0],
    [-1, 800],
    [NaN, 800],
    [Infinity, 800],
    ["1200", "800"],
    [null, undefined],
    [1e9, 800],
  ])("that resizes the viewport to %j by %j", (width, height) => {
    expect(checkEvent(change(4, { width, height }))).toEqual({ isShown: false, reason: "no-size" });
  });

  it.each([
    ["texts that are an object", 0, { texts: {} }],
    ["nodes that are a text", 0, { adds: "p" }],
    ["attributes that are a number", 0, { attributes: 7 }],
    ["positions that are an object", 1, { positions: {} }],
    ["positions without any that can be shown", 1, { positions: [null, { x: "1", y: 2, id: 3 }, 7] }],
    ["no positions", 6, {}],
    ["an unknown action", 2, { type: 99, id: 5 }],
    ["an action by its name", 2, { type: "Click", id: 5 }],
    ["an action on no node", 2, { type: 2 }],
    ["a scroll to nowhere", 3, { id: 1, x: null, y: 5 }],
    ["a scroll of no node", 3, { x: 1, y: 5 }],
    ["an input without a value", 5, { id: 5 }],
    ["an input of no node", 5, { text: "a", isChecked: false }],
    ["an unknown action of media", 7, { type: 17, id: 5 }],
    ["rules that are an object", 8, { id: 5, adds: {} }],
    ["a style of no rule", 13, { id: 5, set: { property: "color", value: "red" } }],
    ["a style of a rule at a text", 13, { id: 5, index: ["0"] }],
    ["a property that is no text", 13, { id: 5, index: [0], set: { property: 7 } }],
    ["drawing on nothing", 9, { property: "fillRect" }],
    ["a font without a name", 10, { fontSource: "x" }],
    ["ranges that are null", 14, { ranges: [null] }],
    ["adopted sheets that are missing", 15, { id: 1 }],
    ["adopted sheets that are a text", 15, { id: 1, styleIds: "1" }],
  ])("with %s", (_, source, data) => {
    expect(checkEvent(change(source, data))).toEqual({ isShown: false, reason: "wrong-type" });
  });

  it("without a reason where nothing moved", () => {
    expect(checkEvent(change(1, { positions: [] }))).toEqual({ isShown: false, reason: null });
  });
});

describe("an event is repaired", () => {
  it.each([
    ["missing lists", { adds: [{ parentId: 5, nextId: null, node: added }] }],
    ["lists that are null", { adds: [{ parentId: 5, nextId: null, node: added }], texts: null, removes: null }],
    ["an add without a place", { adds: [{ parentId: 5, node: added }], attributes: null }],
  ])("of %s", (_, data) => {
    expect(checked(change(0, structuredClone(data)))).toEqual({
      isShown: true,
      reason: null,
      data: { source: 0, ...empty, adds: [{ parentId: 5, nextId: null, node: added }] },
    });
  });

  it.each([
    ["a Meta without an address", { width: 1200, height: 800 }, { href: "", width: 1200, height: 800 }],
    ["a Meta of no size", { href: "a", width: 0, height: 0 }, { href: "a", width: 0, height: 0 }],
    ["a Meta of a negative size", { href: "a", width: -5, height: 800 }, { href: "a", width: 0, height: 0 }],
    ["a Meta of a size that is a text", { href: "a", width: "x", height: 800 }, { href: "a", width: 0, height: 0 }],
  ])("that is %s", (_, data, repaired) => {
    expect(checked(event(4, data))).toEqual({ isShown: true, reason: null, data: repaired });
  });

  it.each([undefined, null, { top: "x" }])("that is a snapshot with the scroll position %j", (initialOffset) => {
    const { data } = checked(event(2, { node: structuredClone(page), initialOffset }));
    expect(data).toEqual({ node: page, initialOffset: { top: 0, left: 0 } });
  });

  it("of a pointer's time that a clock set back has made", () => {
    const position = { x: 1, y: 2, id: 3 };
    const offsets = [-100, 600_000, -600_000, null, "5"];
    const { data } = checked(change(1, { positions: offsets.map((timeOffset) => ({ ...position, timeOffset })) }));
    expect((data as { positions: { timeOffset: number }[] }).positions.map((one) => one.timeOffset)).toEqual([
      -100, 0, -10_000, 0, 0,
    ]);
  });

  it("of values that a field or media cannot have", () => {
    expect(checked(change(5, { id: 5, text: 12 })).data).toEqual({ source: 5, id: 5, text: "12", isChecked: false });
    expect(checked(change(5, { id: 5, isChecked: true })).data).toMatchObject({ text: "", isChecked: true });
    expect(checked(change(7, { id: 5, type: 3, volume: 9, currentTime: -1 })).data).toEqual({
      source: 7,
      id: 5,
      type: 3,
    });
    expect(checked(change(2, { id: 5, type: 2, x: null, y: "7" })).data).toEqual({ source: 2, id: 5, type: 2 });
  });
});

describe("an event is shown without its odd parts", () => {
  const good = { id: 5, value: "b" };
  it.each([
    ["a text of no node", { texts: [good, { value: "a" }] }, { texts: [good] }],
    ["a text that is null", { texts: [null, good] }, { texts: [good] }],
    ["a removal without a parent", { texts: [good], removes: [{ id: 5 }] }, { texts: [good] }],
    ["attributes that are a list", { texts: [good], attributes: [{ id: 5, attributes: ["a"] }] }, { texts: [good] }],
    ["a node that is null", { texts: [good], adds: [{ parentId: 5, node: null }] }, { texts: [good] }],
    ["a node of no parent", { texts: [good], adds: [{ node: added }] }, { texts: [good] }],
    [
      "an attribute that cannot be set",
      { attributes: [{ id: 5, attributes: { class: "a", "a b": "c", title: 7, alt: {} } }] },
      { attributes: [{ id: 5, attributes: { class: "a", title: 7 } }] },
    ],
  ])("%s", (_, data, kept) => {
    expect(checked(change(0, structuredClone(data)))).toEqual({
      isShown: true,
      reason: "invalid-node",
      data: { source: 0, ...empty, ...kept },
    });
  });

  it("or left out where none remains", () => {
    expect(checkEvent(change(0, { adds: [{ parentId: 5, node: { type: 9, id: 9 } }] }))).toEqual({
      isShown: false,
      reason: "invalid-node",
    });
  });

  it("rules and positions", () => {
    expect(checked(change(8, { id: 5, adds: [null, { rule: 7 }, { rule: "a {}" }] }))).toMatchObject({
      reason: "wrong-type",
      data: { adds: [{ rule: "a {}" }], removes: [] },
    });
    expect(checked(change(1, { positions: [null, { x: 1, y: 2, id: 3, timeOffset: 0 }] }))).toMatchObject({
      isShown: true,
      reason: "wrong-type",
      data: { positions: [{ x: 1 }] },
    });
  });
});

describe("a good event", () => {
  it.each([
    event(0, {}),
    event(1, undefined),
    event(2, { node: page, initialOffset: { top: 1, left: 2 } }),
    event(4, { href: "a", width: 1200, height: 800 }),
    event(5, { tag: "afterimage.page", payload: null }),
    event(6, { plugin: "rrweb/console@1", payload: {} }),
    change(0, { ...empty, removes: [{ parentId: 5, id: 6 }] }),
    change(1, { positions: [{ x: 1, y: 2, id: 3, timeOffset: -20 }] }),
    change(2, { type: 6, id: 5 }),
    change(3, { id: 1, x: 0, y: 5 }),
    change(4, { width: 1200, height: 800 }),
    change(5, { id: 5, text: "a", isChecked: false }),
    change(7, { id: 5, type: 0, currentTime: 2, volume: 1 }),
    change(8, { id: 5, adds: [{ rule: "a {}", index: [0, 1] }], removes: [{ index: 0 }] }),
    change(9, { id: 5, type: 0, commands: [] }),
    change(10, { family: "a", fontSource: "url(a)", buffer: false }),
    change(13, { id: 5, index: [0], set: { property: "color", value: "red" } }),
    change(14, { ranges: [] }),
    change(15, { id: 1, styleIds: [1], styles: [{ styleId: 1, rules: [{ rule: "a {}" }] }] }),
    change(16, { define: { name: "a-b" } }),
  ])("stays as it is: %j", (good) => {
    expect(checked(structuredClone(good))).toEqual({ isShown: true, reason: null, data: good.data });
  });
});
