// Facts of a session besides its chunks: totals, windows, pages, marks, interactions.
import { durationMs, timestampMs, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { GetSessionResponse } from "@contract/audit/v1/audit_service_pb";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Interaction } from "@contract/recording/v1/interaction_pb";
import type { Api } from "../api/api";

/** Maximum number of pages of interactions, 10,000 each. Later ones are missing from the histogram only. */
const MOST_PAGES = 5;
const PAGE_SIZE = 10_000;

/** Returns the session with its windows, pages and marks. */
export function fetchDetails(api: Api, sessionId: string, signal: AbortSignal): Promise<GetSessionResponse> {
  return api.audit.getSession({ sessionId }, { signal });
}

/** A page of a session's interactions. */
export interface InteractionPage {
  /** Whether they are listed for the user; else they only mark activity. */
  isListed: boolean;
  interactions: Interaction[];
  /** Whether there are more of these kinds, which are not fetched. */
  isCutShort: boolean;
}

/** Yields the session's interactions, page by page: first the listed kinds, then movements. */
export async function* fetchInteractions(
  api: Api,
  sessionId: string,
  signal: AbortSignal,
): AsyncGenerator<InteractionPage> {
  for (const kinds of [[], [InteractionKind.MOVE, InteractionKind.SCROLL]]) {
    let pageToken = "";
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await api.audit.listInteractions({ sessionId, kinds, pageSize: PAGE_SIZE, pageToken }, { signal });
      pageToken = answer.nextPageToken;
      yield {
        isListed: kinds.length === 0,
        interactions: answer.interactions,
        isCutShort: pageToken !== "" && page === MOST_PAGES - 1,
      };
      if (pageToken === "") {
        break;
      }
    }
  }
}

/** Whether an interaction is an action of the visitor, and not a detector's finding. */
export function isActivity(kind: InteractionKind): boolean {
  switch (kind) {
    case InteractionKind.ERROR:
    case InteractionKind.FAILED_REQUEST:
    case InteractionKind.PAGE:
    case InteractionKind.ATTENTION:
    case InteractionKind.UNSPECIFIED:
      return false;
    default:
      return true;
  }
}

/** Returns a time in milliseconds since 1970 UTC; 0: none. */
export function timeMs(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}

/** Returns a duration in milliseconds; 0: none. */
export function lengthMs(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
