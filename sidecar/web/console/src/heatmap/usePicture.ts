import { useCallback, useEffect, useRef, useState } from "react";
import { useApi } from "../api/context";
import type { FrameLink } from "../player/PlayerFrame";
import { ReplayFeed } from "../player/replayFeed";
import type { Extent } from "./heatmapData";
import type { PageMoment } from "./pageMoment";

/** Where a picture is. */
export type PictureState = "loading" | "shown" | "failed";

/**
 * Loads the chunks of a moment and shows it in a PlayerFrame, paused, with the whole page in view.
 *
 * @param moment The same object for as long as it is the same moment.
 * @returns Callback for the frame once it is ready, and the place of the picture.
 */
export function usePicture(
  moment: PageMoment,
  page: Extent,
): { connect: (link: FrameLink) => void; state: PictureState } {
  const { credentials } = useApi();
  const [state, setState] = useState<PictureState>("loading");
  const [link, setLink] = useState<FrameLink>();
  const { width, height } = page;

  useEffect(() => {
    link?.send({ type: "layout", layout: { kind: "page", width, height } });
  }, [link, width, height]);

  const isStaged = useRef(false);
  useEffect(() => {
    if (link === undefined) {
      return undefined;
    }
    isStaged.current = false;
    const stage = (): void => {
      const chunks = feed.covers(moment.timeMs) ? feed.store.from(moment.windowId, moment.timeMs) : null;
      if (chunks === null || isStaged.current) {
        return;
      }
      isStaged.current = true;
      feed.close();
      link.send({
        type: "stage",
        stage: 1,
        order: 1,
        chunks: chunks
          .filter((chunk, index) => index < 2 || chunk.firstMs <= moment.timeMs)
          .map(({ payload, ...chunk }) => ({ ...chunk, page: "", payload: payload.slice().buffer })),
        atMs: moment.timeMs,
        isPlaying: false,
        speed: 1,
      });
    };
    const fail = (): void => {
      setState("failed");
    };
    const feed = new ReplayFeed({
      sessionId: moment.sessionId,
      credentials,
      isLive: () => false,
      events: {
        onHeader: () => undefined,
        onChunk: stage,
        onLiveEdge: () => undefined,
        onEnd: () => {
          stage();
          if (!isStaged.current) {
            fail();
          }
        },
        onConnection: () => undefined,
        onProblem: fail,
      },
    });
    link.listen((report) => {
      if (report.type === "shown") {
        setState("shown");
      }
      if (report.type === "fault") {
        fail();
      }
    });
    feed.begin({ atMs: moment.timeMs });
    return () => {
      feed.close();
    };
  }, [link, moment, credentials]);

  return {
    connect: useCallback((connected: FrameLink) => {
      setLink(connected);
    }, []),
    state,
  };
}
