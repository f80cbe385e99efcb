import { Page } from "../shell/Page";
import { EmptyState } from "../ui/EmptyState";

/** The sessions that are being recorded right now. */
export default function LiveSessionsPage() {
  return (
    <Page title="Live">
      <EmptyState title="This page is not part of this build" />
    </Page>
  );
}
