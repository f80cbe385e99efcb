import { EventType, type eventWithTime } from "@rrweb/types";
import { beforeEach, describe, expect, it } from "vitest";
import { StageEvents } from "../../src/player/frame/stageEvents";

const event = (type: EventType, timestamp: number, data: unknown) => ({ type, timestamp, data }) as eventWithTime;
const meta = (timestamp: number, width = 1200, height = 800) =>
  event(EventType.Meta, timestamp, { href: "a", width, height });
const element = (id: number, tagName: string, childNodes: unknown[] = []) => ({
  type: 2,
  id,
  tagName,
  attributes: {},
  childNodes,
});
const page = {
  type: 0,
  id: 1,
  childNodes: [
    element(2, "html", [
      element(3, "p", [{ type: 3, id: 4, textContent: "a" }]),
      element(5, "iframe"),
      element(6, "frame"),
    ]),
  ],
};
const snapshot = (timestamp: number) =>
  event(EventType.FullSnapshot, timestamp, { node: page, initialOffset: { top: 0, left: 0 } });
const resize = (timestamp: number, width: number, height: number) =>
  event(EventType.IncrementalSnapshot, timestamp, { source: 4, width, height });
const mutation = (timestamp: number, ...adds: [parentId: number, node: unknown][]) =>
  event(EventType.IncrementalSnapshot, timestamp, {
    source: 0,
    texts: [],
    attributes: [],
    removes: [],
    adds: adds.map(([parentId, node]) => ({ parentId, nextId: null, node })),
  });
const inner = (id: number) => ({ type: 0, id, childNodes: [element(id + 1, "html")] });

let odd: string[];
let events: StageEvents;

beforeEach(() => {
  odd = [];
  events = new StageEvents((_, reason) => {
    odd.push(reason);
  });
});

describe("sizes", () => {
  it.each([
    ["before it", [meta(1), snapshot(2)], { href: "a", width: 1200, height: 800 }],
    ["of an earlier chunk", [meta(1), snapshot(2), snapshot(3)], { href: "a", width: 1200, height: 800 }],
    ["that is usual where there is no other", [meta(1, 0, 0), snapshot(2)], { href: "a", width: 1280, height: 720 }],
    [
      "of a later change where its own is unusable",
      [meta(1, 0, 0), snapshot(2), resize(9, 400, 700)],
      { href: "a", width: 400, height: 700 },
    ],
    ["of no Meta at all", [snapshot(2)], { href: "", width: 1280, height: 720 }],
    [
      "of the last change",
      [meta(1), snapshot(2), resize(3, 500, 600), snapshot(4)],
      { href: "a", width: 500, height: 600 },
    ],
  ])("each snapshot has the one %s", (_, recorded, expected) => {
    const shown = events.next(recorded);
    const last = shown.findLastIndex(({ type }) => type === EventType.FullSnapshot);
    expect(shown[last - 1]).toEqual(event(EventType.Meta, shown[last]?.timestamp ?? 0, expected));
  });

  it("a Meta without a snapshot is only a change of the size, so that a seek does not begin with it", () => {
    events.next([meta(1), snapshot(2)]);
    expect(events.next([meta(3, 1200, 800), meta(4, 0, 0), meta(5, 300, 400)])).toEqual([resize(5, 300, 400)]);
  });
});

describe("before the first snapshot", () => {
  it("there is nothing to change", () => {
    expect(
      events.next([mutation(1, [3, element(9, "b")]), event(EventType.Custom, 1, { tag: "x" }), snapshot(2)]),
    ).toEqual([
      event(EventType.Custom, 1, { tag: "x" }),
      event(EventType.Meta, 2, { href: "", width: 1280, height: 720 }),
      snapshot(2),
    ]);
    expect(odd).toEqual([]);
  });
});

describe("an added node", () => {
  const added = (event: eventWithTime | undefined) =>
    (event?.data as { adds: { node: { id: number } }[] } | undefined)?.adds.map(({ node }) => node.id);

  beforeEach(() => {
    events.next([snapshot(1)]);
  });

  it.each([
    ["a document on a paragraph", 3, inner(50), "misplaced-document"],
    ["a document on a text", 4, inner(50), "misplaced-document"],
    ["a document on the page itself", 1, inner(50), "misplaced-document"],
    ["a document on a <frame>, which the Replayer does not take for a frame", 6, inner(50), "misplaced-document"],
    ["an element next to <html>", 1, element(50, "b"), "misplaced-node"],
    ["a text in no element", 1, { type: 3, id: 50, textContent: "a" }, "misplaced-node"],
    ["an element in a text", 4, element(50, "b"), "misplaced-node"],
    ["an element of an unknown parent", 99, element(50, "b"), "misplaced-node"],
    ["a text of an unknown parent", 99, { type: 3, id: 50, textContent: "a" }, "misplaced-node"],
  ])("is left out: %s", (_, parentId, node, reason) => {
    expect(added(events.next([mutation(2, [parentId, node], [3, element(60, "i")])])[0])).toEqual([60]);
    expect(odd).toEqual([reason]);
  });

  it.each([
    ["a document on an iframe", [5, inner(50)]],
    ["a document with a frame that is to come", [70, inner(50)]],
    ["an element on an element", [3, element(50, "b")]],
    ["a new page in the document", [1, element(50, "HTML")]],
  ] as [string, [number, unknown]][])("stays: %s", (_, add) => {
    expect(added(events.next([mutation(2, add)])[0])).toEqual([50]);
    expect(odd).toEqual([]);
  });

  it("may come before its parent, and have one that was added or removed", () => {
    expect(added(events.next([mutation(2, [50, element(51, "i")], [3, element(50, "b")])])[0])).toEqual([51, 50]);
    expect(added(events.next([mutation(3, [51, element(52, "i")])])[0])).toEqual([52]);
    expect(odd).toEqual([]);
  });

  it("of a page before the last snapshot is not known", () => {
    events.next([mutation(2, [3, element(50, "b")]), snapshot(3), mutation(4, [50, element(51, "i")])]);
    expect(odd).toEqual(["misplaced-node"]);
  });
});
