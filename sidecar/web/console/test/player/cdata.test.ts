import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { cdataAsText } from "../../src/player/frame/cdata";

const section = (id: number) => ({ type: 4, id, textContent: "a < b" });
const text = (id: number) => ({ type: 3, id, textContent: "a < b" });
const inside = (node: unknown) => ({
  type: 2,
  id: 2,
  tagName: "p",
  attributes: {},
  childNodes: [node, { type: 5, id: 9 }],
});
const converted = (events: unknown[]): unknown[] => {
  cdataAsText(events as eventWithTime[]);
  return events;
};

describe("cdataAsText", () => {
  it("makes sections of a snapshot text", () => {
    const snapshot = (node: unknown) => [
      { type: 2, timestamp: 1, data: { node: { type: 0, id: 1, childNodes: [node] } } },
    ];
    expect(converted(snapshot(inside(section(3))))).toEqual(snapshot(inside(text(3))));
  });

  it("makes added sections text, also inside of added elements", () => {
    const added = (...nodes: unknown[]) => [
      { type: 3, timestamp: 1, data: { source: 0, adds: nodes.map((node) => ({ parentId: 2, nextId: null, node })) } },
    ];
    expect(converted(added(section(3), inside(section(4))))).toEqual(added(text(3), inside(text(4))));
  });

  it("leaves other events alone, with any content", () => {
    const odd = [
      { type: 4, timestamp: 1, data: { href: "https://shop.example/", width: 1, height: 1 } },
      { type: 2, timestamp: 1, data: null },
      { type: 2, timestamp: 1, data: { node: [undefined, null, 4] } },
      { type: 3, timestamp: 1, data: { source: 0, adds: [null, undefined, { node: null }] } },
      { type: 5, timestamp: 1, data: { node: section(1) } },
    ];
    expect(converted(structuredClone(odd))).toEqual(odd);
  });

  it("reaches sections at any depth", () => {
    let node: unknown = section(1);
    for (let id = 2; id < 50_000; id += 1) {
      node = { type: 2, id, tagName: "b", attributes: {}, childNodes: [node] };
    }
    const [event] = converted([{ type: 2, timestamp: 1, data: { node } }]) as [{ data: { node: unknown } }];
    let found = event.data.node as { type: number; childNodes?: unknown[] };
    while (found.childNodes !== undefined) {
      found = found.childNodes[0] as typeof found;
    }
    expect(found.type).toBe(3);
  });
});
