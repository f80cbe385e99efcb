import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** All sessions of the project. */
export function SessionsPage() {
  return (
    <Page title="Sessions">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
