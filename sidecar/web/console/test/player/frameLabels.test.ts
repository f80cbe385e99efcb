import { type eventWithTime, EventType, IncrementalSource, NodeType, type serializedNodeWithId } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { labelFrames } from "../../src/player/frame/frameLabels";

let lastId = 0;
const element = (
  tagName: string,
  attributes: Record<string, string> = {},
  ...childNodes: serializedNodeWithId[]
): serializedNodeWithId => ({ type: NodeType.Element, id: ++lastId, tagName, attributes, childNodes });

const snapshot = (...nodes: serializedNodeWithId[]): eventWithTime => ({
  type: EventType.FullSnapshot,
  data: { node: { type: NodeType.Document, id: ++lastId, childNodes: nodes }, initialOffset: { top: 0, left: 0 } },
  timestamp: 1,
});
const added = (node: serializedNodeWithId): eventWithTime => ({
  type: EventType.IncrementalSnapshot,
  data: {
    source: IncrementalSource.Mutation,
    adds: [{ parentId: 1, nextId: null, node }],
    removes: [],
    texts: [],
    attributes: [],
  },
  timestamp: 2,
});

/** The label that a node shows; "": none. */
const labelOf = (node: serializedNodeWithId): string => {
  const style = node.type === NodeType.Element ? String(node.attributes.style ?? "") : "";
  return decodeURIComponent(/url\('(.*?)'\)/.exec(style)?.[1] ?? "").replace(/^.*?<text.*?>(.*)<\/text>.*$/, "$1");
};

describe("labelFrames", () => {
  it.each([
    ["iframe", { rr_src: "https://pay.example/card?token=1" }, "Frame: pay.example"],
    ["IFRAME", { src: "https://pay.example:8443/" }, "Frame: pay.example:8443"],
    ["frame", { src: "/relative" }, "Frame"],
    ["iframe", { srcdoc: "<p>inline</p>" }, ""], // its document is recorded
    ["iframe", { srcdoc: "<p>inline</p>", sandbox: "" }, "Frame"],
    ["object", { data: "https://maps.example/map" }, "Embedded: maps.example"],
    ["embed", { src: "https://maps.example/map" }, "Embedded: maps.example"],
    ["iframe", {}, ""],
    ["img", { src: "https://pay.example/a.png" }, ""],
  ])("labels <%s> with %j: %s", (tag, attributes, words) => {
    const first = element(tag, { ...attributes });
    const second = element(tag, { ...attributes });
    labelFrames([snapshot(element("div", {}, first)), added(second)]);
    expect([labelOf(first), labelOf(second)]).toEqual([words, words]);
  });

  it("keeps the element's own style, and nothing of the address can leave the label", () => {
    const node = element("iframe", {
      style: "width: 300px",
      rr_src: "https://a.example/');background:url(//b.example",
    });
    labelFrames([added(node)]);
    const style = String(node.type === NodeType.Element && node.attributes.style);
    expect(style).toMatch(/^width: 300px;background:/);
    expect(style).not.toContain("b.example");
  });

  it("passes over malformed nodes and events", () => {
    const odd = [
      { type: EventType.FullSnapshot, timestamp: 1 },
      { type: EventType.FullSnapshot, timestamp: 1, data: { node: { tagName: "iframe", attributes: null } } },
      { type: EventType.FullSnapshot, timestamp: 1, data: { node: { childNodes: [null, 7, { childNodes: "x" }] } } },
      { type: EventType.IncrementalSnapshot, timestamp: 1, data: { source: 0, adds: [null, {}] } },
      { type: EventType.IncrementalSnapshot, timestamp: 1, data: { source: 0, adds: 5 } },
      { type: EventType.IncrementalSnapshot, timestamp: 1 },
    ];
    const node = element("iframe", { src: "https://pay.example/" });
    labelFrames([...(odd as unknown as eventWithTime[]), added(node)]);
    expect(labelOf(node)).toBe("Frame: pay.example");
  });
});
