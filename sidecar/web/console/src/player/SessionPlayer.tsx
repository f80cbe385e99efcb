import { useMemo } from "react";
import { useApi } from "../api/context";
import { PageProblem } from "../shell/PageProblem";
import { PlayerView, type PlayerViewProps } from "./PlayerView";
import { serverSource } from "./serverSource";

interface SessionPlayerProps extends Omit<PlayerViewProps, "source" | "problemView" | "frameAddress"> {
  sessionId: string;
  /** Shown instead of a problem that ends the player; by default the problem's text, with a link to sign in. */
  problemView?: PlayerViewProps["problemView"];
}

/**
 * Plays one session of the server, with the credentials of the API around it (`ApiContext`): those of the signed-in user,
 * or of a share link's grant. It fills its parent box.
 */
export function SessionPlayer({ sessionId, problemView = pageProblem, ...view }: SessionPlayerProps) {
  const api = useApi();
  const source = useMemo(() => serverSource(api, sessionId), [api, sessionId]);
  return <PlayerView source={source} problemView={problemView} {...view} />;
}

const pageProblem: PlayerViewProps["problemView"] = (problem, retry) => (
  <PageProblem problem={problem} onRetry={retry} />
);
