import { useCallback, useState } from "react";
import { useApi } from "../api/context";
import { useCall } from "../api/useCall";
import { PlayerFrame } from "../player/PlayerFrame";
import type { Choice } from "./choice";
import { findPageMoment } from "./findPageMoment";
import type { Extent } from "./heatmapData";
import type { PageMoment } from "./pageMoment";
import styles from "./PagePicture.module.css";
import { usePicture } from "./usePicture";

interface PagePictureProps {
  choice: Choice;
  /** Size of the page, in CSS pixels. */
  page: Extent;
  /** The viewport that the heatmap is typical of. */
  viewport: Extent;
}

/** The page under a heatmap, as a visitor saw it; a blank one where no recording shows it. */
export function PagePicture({ choice: { page: name, device, period, widths }, page, viewport }: PagePictureProps) {
  const api = useApi();
  // The first one counts: another kind of heatmap of the same page is drawn over the same picture.
  const [typical] = useState(viewport);
  const [moment] = useCall(
    useCallback(
      (signal: AbortSignal) => findPageMoment(api, { page: name, device, period, widths }, typical, Date.now(), signal),
      [api, name, device, period, widths, typical],
    ),
  );
  switch (moment.state) {
    case "loading":
      return <Blank words="Looking for a recording that shows the page …" />;
    case "failed":
      return <Blank words={`The page cannot be shown: ${moment.problem.title}. ${moment.problem.advice}`} />;
    case "done":
      return moment.value === undefined ? (
        <Blank
          words={`None of the newest sessions shows this page: this is a blank page of its typical size, ${page.width} × ${page.height}.`}
        />
      ) : (
        <PageAtMoment key={`${moment.value.sessionId} ${moment.value.timeMs}`} moment={moment.value} page={page} />
      );
  }
}

function PageAtMoment({ moment, page }: { moment: PageMoment; page: Extent }) {
  const { connect, state } = usePicture(moment, page);
  return (
    <>
      <div className={styles.picture} inert>
        <PlayerFrame title="The page as a visitor saw it" onConnect={connect} />
      </div>
      {state === "shown" ? <div className={styles.scrim} /> : null}
      {state === "loading" ? <Blank words="Loading the page …" /> : null}
      {state === "failed" ? <Blank words="The recording that shows this page cannot be read." /> : null}
    </>
  );
}

/** A sheet with a rule at every tenth of the page's height. */
function Blank({ words }: { words: string }) {
  return (
    <div className={styles.blank}>
      <p role="status">{words}</p>
    </div>
  );
}
