// Documents of frames in a replay. A recorder sends that of a frame more than once: first empty, as the frame is added,
// then as it is loaded. The Replayer takes the second for the first one, since they have one id, and leaves it out.
import type { Replayer } from "@rrweb/replay";

interface NodesById {
  getNode: (id: number) => object | null;
  removeNodeFromMap: (node: object) => void;
}

/** Members of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  usingVirtualDom: boolean;
  mirror: NodesById;
  virtualDom: { mirror: NodesById };
  attachDocumentToIframe: (added: { node: { id: number } }, frame: object) => void;
}

/** Makes a Replayer build each document of a frame that it is given. Must come before the first event is applied. */
export function buildFrameDocuments(replayer: Replayer): void {
  const inside = replayer as unknown as Inside;
  const attach = inside.attachDocumentToIframe.bind(replayer);
  inside.attachDocumentToIframe = (added, frame) => {
    const mirror = inside.usingVirtualDom ? inside.virtualDom.mirror : inside.mirror;
    const earlier = mirror.getNode(added.node.id);
    if (earlier !== null) {
      mirror.removeNodeFromMap(earlier);
    }
    attach(added, frame);
  };
}
