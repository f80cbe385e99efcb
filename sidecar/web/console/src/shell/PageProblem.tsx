import { Link, useLocation } from "react-router";
import type { Problem } from "../api/errors";
import { signInPath } from "../api/signOut";
import { ErrorNotice } from "../ui/ErrorNotice";

interface PageProblemProps {
  problem: Problem;
  onRetry?: () => void;
  /** Where signing in leads back to; by default the page's address. */
  back?: string;
}

/** A problem of a page; one with the token has a link to sign in and return. */
export function PageProblem({ problem, onRetry, back }: PageProblemProps) {
  const location = useLocation();
  const here = back ?? location.pathname + location.search + location.hash;
  return (
    <ErrorNotice problem={problem} {...(onRetry === undefined ? {} : { onRetry })}>
      {problem.kind === "signed-out" ? <Link to={signInPath("expired", here)}>Sign in again</Link> : null}
    </ErrorNotice>
  );
}
