// Scroll positions of a replay. When a seek has brought the page to its moment, the Replayer sets them element by
// element, while the styles and contents that make an element scroll may still be missing: those are set again.
import type { Replayer } from "@rrweb/replay";
import type { scrollData } from "@rrweb/types";

/** Members of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  applyScroll: (data: scrollData, isSync: boolean) => void;
}

/** Keeps the scroll positions of a seek until its end. Must come before the first event is applied. */
export function keepScrollPositions(replayer: Replayer): void {
  const inside = replayer as unknown as Inside;
  const apply = inside.applyScroll.bind(replayer);
  const ofSeek = new Map<number, scrollData>();
  inside.applyScroll = (data, isSync) => {
    if (isSync) {
      // An element's later position comes later in the order, too: it may be inside of one that scrolls.
      ofSeek.delete(data.id);
      ofSeek.set(data.id, data);
    }
    apply(data, isSync);
  };
  replayer.on("flush", () => {
    for (const data of ofSeek.values()) {
      apply(data, true);
    }
    ofSeek.clear();
  });
}
