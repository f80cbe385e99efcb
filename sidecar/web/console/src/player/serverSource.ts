import type { Api } from "../api/api";
import { ReplayFeed } from "./replayFeed";
import { SessionLoader } from "./sessionLoader";
import type { SessionSource } from "./source";

/** Returns a session of the server. */
export function serverSource(api: Api, sessionId: string): SessionSource {
  return {
    feed: (isLive, events) => new ReplayFeed({ sessionId, credentials: api.credentials, isLive, events }),
    loader: (events) => new SessionLoader(api, sessionId, events),
  };
}
