import { Link, useLocation } from "react-router";
import type { Problem } from "../api/errors";
import { signInPath } from "../api/signOut";
import { ErrorNotice } from "../ui/ErrorNotice";

/** A problem of a page; one with the token comes with the way to sign in and back. */
export function PageProblem({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const location = useLocation();
  const here = location.pathname + location.search + location.hash;
  return (
    <ErrorNotice problem={problem} {...(onRetry === undefined ? {} : { onRetry })}>
      {problem.kind === "signed-out" ? <Link to={signInPath("expired", here)}>Sign in again</Link> : null}
    </ErrorNotice>
  );
}
