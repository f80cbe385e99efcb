import { useRouteError } from "react-router";
import { Button } from "../ui/Button";
import { ErrorNotice } from "../ui/ErrorNotice";
import { failureOf } from "./failure";
import { useTitle } from "./Page";

/** What is shown in the place of a page that threw, or whose files are gone. */
export function FailedPage() {
  const failure = failureOf(useRouteError());
  useTitle(failure.title);
  return (
    <ErrorNotice problem={failure}>
      <Button
        kind="primary"
        onClick={() => {
          location.reload();
        }}
      >
        Reload the page
      </Button>
    </ErrorNotice>
  );
}
