// Linked style sheets of a replay. A sheet that is loaded after its snapshot comes as a change, and the Replayer builds its
// element anew: from the attributes that it had at first, so it would forget that a page has since made a sheet for
// print one for all media, which is how many pages load theirs.
import type { Replayer } from "@rrweb/replay";
import { EventType, type eventWithTime, IncrementalSource, NodeType } from "@rrweb/types";

/** Keeps the attributes of links up to date; a plugin of the Replayer (`plugins` of its configuration). */
export const LINKED_SHEETS = {
  /** Called by the Replayer after each event that it has applied. */
  handler(event: eventWithTime, _isSync: boolean, { replayer }: { replayer: Replayer }): void {
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation) {
      return;
    }
    const mirror = replayer.getMirror();
    for (const { id, attributes } of event.data.attributes) {
      const node = mirror.getNode(id);
      if (node === null || !["LINK", "STYLE"].includes(node.nodeName)) {
        continue;
      }
      const recorded = mirror.getMeta(node);
      if (recorded?.type === NodeType.Element && typeof attributes.media === "string") {
        // A copy: the recorded node is that of the event, which is shown again after a seek backward.
        mirror.add(node, { ...recorded, attributes: { ...recorded.attributes, media: attributes.media } });
      }
    }
  },
};
