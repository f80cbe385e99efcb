import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** One session for the holder of a link. */
export default function SharePage() {
  return (
    <Page title="Shared session">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
