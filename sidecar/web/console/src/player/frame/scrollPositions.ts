// Scroll positions of a replay. When a seek has brought the page to its moment, the Replayer sets them element by
// element, while the styles and contents that make an element scroll may still be missing: those are set again, and
// once more when a style sheet or a picture has come, or is known to be missing: the page may be higher from then on.
// Playing, it scrolls smoothly: a change of the page would reach elements that are still on their way.
import type { Replayer } from "@rrweb/replay";
import { type eventWithTime, EventType, IncrementalSource, type scrollData } from "@rrweb/types";

/** Members of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  applyIncremental: (event: eventWithTime, isSync: boolean) => void;
  applyScroll: (data: scrollData, isSync: boolean) => void;
  iframe: HTMLIFrameElement;
  /** The document that the changes of a seek are collected in; kept from one page to the next. */
  virtualDom: { scrollData: scrollData | null };
}

/** Events that leave the size and the place of elements as they are. */
const STILL: readonly IncrementalSource[] = [
  IncrementalSource.MouseMove,
  IncrementalSource.MouseInteraction,
  IncrementalSource.Scroll,
  IncrementalSource.TouchMove,
  IncrementalSource.MediaInteraction,
  IncrementalSource.CanvasMutation,
  IncrementalSource.Log,
  IncrementalSource.Drag,
  IncrementalSource.Selection,
];

/** Keeps the scroll positions of a seek until its end. Must come before the first event is applied. */
export function keepScrollPositions(replayer: Replayer): void {
  const inside = replayer as unknown as Inside;
  const apply = inside.applyScroll.bind(replayer);
  const ofSeek = new Map<number, scrollData>();
  /** Positions that elements may still be on their way to. */
  const smooth = new Map<number, scrollData>();
  /** The positions of the last seek, until the page is scrolled. */
  let shown: readonly scrollData[] = [];
  const setAgain = (): void => {
    for (const data of shown) {
      apply(data, true);
    }
  };
  inside.applyScroll = (data, isSync) => {
    if (!isSync) {
      shown = [];
      smooth.set(data.id, data);
    } else {
      // An element's later position comes later in the order, too: it may be inside of one that scrolls.
      ofSeek.delete(data.id);
      ofSeek.set(data.id, data);
    }
    apply(data, isSync);
  };
  const applyIncremental = inside.applyIncremental.bind(replayer);
  inside.applyIncremental = (event, isSync) => {
    if (smooth.size > 0 && event.type === EventType.IncrementalSnapshot && !STILL.includes(event.data.source)) {
      for (const data of smooth.values()) {
        apply(data, true);
      }
      smooth.clear();
    }
    applyIncremental(event, isSync);
  };
  replayer.on("fullsnapshot-rebuilded", () => {
    shown = [];
    ofSeek.clear();
    smooth.clear();
    // That of the page before, which the Replayer would set again.
    inside.virtualDom.scrollData = null;
  });
  replayer.on("flush", () => {
    if (ofSeek.size === 0) {
      return; // the beginning of playing
    }
    shown = [...ofSeek.values()];
    ofSeek.clear();
    setAgain();
    const document = inside.iframe.contentDocument;
    for (const type of ["load", "error"]) {
      // Once each: the Replayer opens the document anew for each snapshot, which takes its listeners away.
      document?.removeEventListener(type, setAgain, true);
      document?.addEventListener(type, setAgain, true);
    }
  });
}
