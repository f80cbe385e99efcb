// Full snapshots of very deep pages. The Replayer builds a snapshot recursively, and a tree of some 2,500 levels exceeds
// the browser's stack, sooner on a busy machine, on which its code is compiled later. The nodes of a mutation it adds one
// by one.
import { type addedNodeMutation, NodeType, type serializedNodeWithId } from "@rrweb/types";

/** Levels of a page that a snapshot keeps. */
const LEVELS = 1_000;

/**
 * Takes the nodes below the deepest level out of a snapshot, which it changes.
 *
 * @returns Additions of these nodes, parents before their children; those of a frame's document stay in it.
 */
export function takeOutDeep(root: serializedNodeWithId): addedNodeMutation[] {
  const adds: addedNodeMutation[] = [];
  const pending = [{ node: root, level: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, level } = next;
    if (!("childNodes" in node)) {
      continue;
    }
    const children = node.childNodes;
    const isDeep = level >= LEVELS && node.type === NodeType.Element;
    if (isDeep) {
      node.childNodes = [];
    }
    for (const child of children) {
      if (isDeep) {
        adds.push({ parentId: node.id, nextId: null, node: child });
      }
    }
    // Depth first, and the first child first.
    for (const child of children.toReversed()) {
      if (!isDeep || child.type !== NodeType.Document) {
        pending.push({ node: child, level: level + 1 });
      }
    }
  }
  return adds;
}
