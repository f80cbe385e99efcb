import { Link } from "react-router";
import { EmptyState } from "../ui/EmptyState";
import { useTitle } from "./Page";

/** Shown at an address without a page. */
export function NotFoundPage() {
  useTitle("No such page");
  return (
    <EmptyState title="There is no such page" action={<Link to="/">Go to the sessions</Link>}>
      <p>The console has no page at this address. A link may be incomplete.</p>
    </EmptyState>
  );
}
