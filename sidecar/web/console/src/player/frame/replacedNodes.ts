// Nodes that are replaced under their id, such as a link when its style sheet is loaded after the snapshot. When the
// Replayer brings its page up to a moment, it enters the new node, then takes out the old one with its id, and the new
// one is not found any more: rules and attributes that change while it plays on would be lost. The mirror's method is
// replaced on the instance; it is that of rrweb-snapshot 2.1.6.
import type { Replayer } from "@rrweb/replay";

/** Keeps the entries of new nodes when the nodes before them are taken out of the Replayer's mirror. */
export function keepReplacedNodes(replayer: Replayer): void {
  const mirror = replayer.getMirror();
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
