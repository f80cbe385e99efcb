// Looks for a recording that shows a page.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { InteractionKind } from "@contract/recording/v1/enums_pb";
import type { Api } from "../api/api";
import { type Choice, sinceOf } from "./choice";
import { DEVICES } from "./devices";
import type { Extent } from "./heatmapData";
import { literalPart, nearest, type PageMoment, pageMomentOf, widthApart } from "./pageMoment";

/** Number of newest sessions that are searched: each search is an entry of the access trail. */
const SESSIONS = 8;

/** A viewport that differs in width by no more than this part lays the page out as the typical one does. */
const ALIKE = 0.1;

/**
 * Returns a moment that shows the page of a choice, in a viewport as near to the typical one as the newest sessions
 * have; undefined where none of them shows it.
 */
export async function findPageMoment(
  { audit }: Api,
  choice: Omit<Choice, "kind">,
  viewport: Extent,
  now: number,
  signal: AbortSignal,
): Promise<PageMoment | undefined> {
  const device = DEVICES.find(({ name }) => name === choice.device);
  const since = sinceOf(choice, now);
  const { sessions } = await audit.listSessions(
    {
      pageSize: SESSIONS,
      filter: {
        page: literalPart(choice.page),
        deviceTypes: device === undefined ? [] : [device.device],
        ...(since === undefined ? {} : { startTime: timestampFromMs(since) }),
      },
    },
    { signal },
  );
  const found: PageMoment[] = [];
  for (const { sessionId } of sessions) {
    const { interactions } = await audit.listInteractions({ sessionId, kinds: [InteractionKind.PAGE] }, { signal });
    const moment = pageMomentOf(interactions, choice.page, viewport);
    if (moment !== undefined && isWanted(moment, choice)) {
      found.push(moment);
      if (widthApart(moment, viewport) <= viewport.width * ALIKE) {
        break;
      }
    }
  }
  return nearest(found, viewport);
}

function isWanted({ viewport: { width } }: PageMoment, { widths: { min, max } }: Pick<Choice, "widths">): boolean {
  return width >= min && (max === 0 || width <= max);
}
