// Nodes that are replaced under their id, such as a link when its style sheet is loaded after the snapshot. When the
// Replayer brings its page up to a moment, it enters the new node, then takes out the old one with its id, and the new
// one is not found any more: rules and attributes that change while it plays on would be lost. It also enters the new
// sheet into the recorded node, and would show it after a seek backward. The mirrors' methods are replaced on the
// instances; they are those of rrweb-snapshot 2.1.6.
import type { Replayer } from "@rrweb/replay";
import { NodeType, type serializedNodeWithId } from "@rrweb/types";

/** Keeps the entries of new nodes when the nodes before them are taken out of the Replayer's mirror, and the recording. */
export function keepReplacedNodes(replayer: Replayer): void {
  const mirror = replayer.getMirror();
  const virtual = (replayer as unknown as { virtualDom: { mirror: typeof mirror } }).virtualDom.mirror;
  for (const each of [mirror, virtual]) {
    const add = each.add.bind(each);
    each.add = (node, meta) => {
      add(node, copied(meta));
    };
  }
  const remove = mirror.removeNodeFromMap.bind(mirror);
  mirror.removeNodeFromMap = (node) => {
    const current = mirror.getNode(mirror.getId(node));
    remove(node); // which calls this function for the nodes inside of it
    const meta = current === null || current === node ? null : mirror.getMeta(current);
    if (current !== null && meta !== null) {
      mirror.add(current, meta);
    }
  };
}

function copied(node: serializedNodeWithId): serializedNodeWithId {
  return node.type === NodeType.Element && (node.tagName === "link" || node.tagName === "style")
    ? { ...node, attributes: { ...node.attributes } }
    : node;
}
