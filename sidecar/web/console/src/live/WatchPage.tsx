import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** One session as it happens. */
export default function WatchPage() {
  return (
    <Page title="Live session">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
