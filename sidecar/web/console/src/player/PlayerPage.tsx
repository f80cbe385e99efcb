import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** One session, replayed. */
export default function PlayerPage() {
  return (
    <Page title="Session">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
