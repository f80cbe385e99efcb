import { type addedNodeMutation, NodeType } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { shareOutStyleTexts } from "../../src/player/frame/styleTexts";

function style(cssText: unknown, childNodes: unknown[] = []): addedNodeMutation {
  const attributes = { _cssText: cssText, media: "print" };
  const node = { type: NodeType.Element, tagName: "style", id: 1, attributes, childNodes };
  return { parentId: 9, nextId: null, node } as unknown as addedNodeMutation;
}

function text(id: number, nextId: number | null, parentId = 1): addedNodeMutation {
  return { parentId, nextId, node: { type: NodeType.Text, textContent: "", id } };
}

function textsOf(adds: readonly addedNodeMutation[]): unknown {
  return Object.fromEntries(
    adds.flatMap(({ node }) => (node.type === NodeType.Text ? [[node.id, node.textContent] as const] : [])),
  );
}

describe("texts of an added style element", () => {
  it.each([
    ["one", [style("a{}"), text(2, null)], { 2: "a{}" }],
    ["two, the last one first", [style("a{}/* rr_split */b{}"), text(3, null), text(2, 3)], { 2: "a{}", 3: "b{}" }],
    [
      "children before their parent",
      [text(2, 3), text(3, null), style("a{}/* rr_split */b{}")],
      { 2: "a{}", 3: "b{}" },
    ],
    ["more parts than nodes", [style("a{}/* rr_split */b{}/* rr_split */c{}"), text(2, null)], { 2: "a{}b{}c{}" }],
    ["fewer parts than nodes", [style("a{}"), text(3, null), text(2, 3)], { 2: "a{}", 3: "" }],
    ["texts of others", [style("a{}"), text(2, null), text(4, null, 8)], { 2: "a{}", 4: "" }],
    ["a circle of neighbours", [style("a{}/* rr_split */b{}"), text(2, 3), text(3, 2)], { 2: "a{}", 3: "b{}" }],
  ])("are shared out: %s", (_, adds, expected) => {
    shareOutStyleTexts(adds);
    expect(textsOf(adds)).toEqual(expected);
    const [node] = adds.flatMap((add) => (add.node.type === NodeType.Element ? [add.node] : []));
    expect(node?.attributes).toEqual({ media: "print" });
  });

  it.each([
    ["there is no text node", [style("a{}")]],
    ["it is nested", [style("a{}", [{ type: NodeType.Text, textContent: "", id: 2 }]), text(3, null)]],
    ["it is not text", [style(true), text(2, null)]],
  ])("stay where they are: %s", (_, adds) => {
    const before = structuredClone(adds);
    shareOutStyleTexts(adds);
    expect(adds).toEqual(before);
  });
});
