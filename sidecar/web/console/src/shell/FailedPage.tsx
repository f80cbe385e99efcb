import { useRouteError } from "react-router";
import { Button } from "../ui/Button";
import { ErrorNotice } from "../ui/ErrorNotice";
import { failureOf } from "./failure";
import { useTitle } from "./Page";

/** Shown instead of a page after an error, or if its files are missing. */
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
