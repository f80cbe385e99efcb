import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** Where visitors clicked, moved and looked on a page. */
export default function HeatmapPage() {
  return (
    <Page title="Heatmap">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
