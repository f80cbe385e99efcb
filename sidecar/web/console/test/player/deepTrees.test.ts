import { NodeType, type serializedNodeWithId } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { takeOutDeep } from "../../src/player/frame/deepTrees";

function element(id: number, ...childNodes: serializedNodeWithId[]): serializedNodeWithId {
  return { type: NodeType.Element, tagName: "span", attributes: {}, id, childNodes };
}

/** A chain of elements from `first` on, with `inside` in the last one. */
function chain(first: number, levels: number, ...inside: serializedNodeWithId[]): serializedNodeWithId {
  let node = element(first + levels - 1, ...inside);
  for (let id = first + levels - 2; id >= first; id -= 1) {
    node = element(id, node);
  }
  return node;
}

function depthOf(root: serializedNodeWithId): number {
  let depth = 0;
  for (
    let level = [root];
    level.length > 0;
    level = level.flatMap((node) => ("childNodes" in node ? node.childNodes : []))
  ) {
    depth += 1;
  }
  return depth;
}

describe("a snapshot", () => {
  it("of usual depth stays as it is", () => {
    const root = chain(1, 1_000);
    expect(takeOutDeep(root)).toEqual([]);
    expect(depthOf(root)).toBe(1_000);
  });

  it("of a deep tree keeps its upper levels; the others are added in their order", () => {
    const leaves = [element(9_001), { type: NodeType.Text, textContent: "x", id: 9_002 } as const, element(9_003)];
    const root = chain(1, 5_000, ...leaves);
    const adds = takeOutDeep(root);
    expect(depthOf(root)).toBe(1_000);
    expect(adds.map(({ parentId, nextId, node }) => [parentId, nextId, node.id])).toEqual([
      ...Array.from({ length: 4_000 }, (_, at) => [1_000 + at, null, 1_001 + at]),
      [5_000, null, 9_001],
      [5_000, null, 9_002],
      [5_000, null, 9_003],
    ]);
    expect(adds.every(({ node }) => !("childNodes" in node) || node.childNodes.length === 0)).toBe(true);
  });

  it("keeps the document of a frame in one piece", () => {
    const inner = { type: NodeType.Document, id: 8_000, childNodes: [chain(8_001, 50)] } as serializedNodeWithId;
    const adds = takeOutDeep(chain(1, 1_200, inner));
    expect(adds.at(-1)?.node.id).toBe(8_000);
    expect(depthOf(inner)).toBe(51);
  });
});
