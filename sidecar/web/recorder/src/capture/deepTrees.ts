// Snapshots of pages with very deep trees. A tree of JSON is as deep as the page's, and many readers of JSON refuse deep
// ones (Python's at 1,000 brackets, two of which are one element's); HTML parsers nest to 512 elements, scripts deeper.
import {
  EventType,
  IncrementalSource,
  type addedNodeMutation,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";

/** Levels of nodes that a snapshot has; deeper ones follow it as added nodes, one by one, as rrweb records them. */
export const MAX_LEVELS = 400;

/** Takes the nodes below MAX_LEVELS out of an event, and returns a Mutation that adds them; undefined: no node is so deep. */
export function splitDeepTree(event: eventWithTime): eventWithTime | undefined {
  const adds: addedNodeMutation[] = [];
  for (const root of rootsOf(event)) {
    const open: [serializedNodeWithId, number][] = [[root, 1]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [node, level] = next;
      if (!("childNodes" in node)) {
        continue;
      }
      if (level === MAX_LEVELS) {
        addFlat(node, adds);
        continue;
      }
      for (const child of node.childNodes) {
        open.push([child, level + 1]);
      }
    }
  }
  if (adds.length === 0) {
    return undefined;
  }
  return {
    type: EventType.IncrementalSnapshot,
    data: { source: IncrementalSource.Mutation, texts: [], attributes: [], removes: [], adds },
    timestamp: event.timestamp,
  };
}

/** Moves all nodes below `top` into `adds`: parents before their children, and children in their order. */
function addFlat(top: serializedNodeWithId, adds: addedNodeMutation[]): void {
  const open = [top];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!("childNodes" in node) || node.childNodes.length === 0) {
      continue;
    }
    const { id, childNodes } = node;
    node.childNodes = [];
    adds.push(...childNodes.map((child) => ({ parentId: id, nextId: null, node: child })));
    open.push(...childNodes);
  }
}

/** Trees of an event: the page's, or those that were added, a whole frame among them. */
function rootsOf(event: eventWithTime): serializedNodeWithId[] {
  if (event.type === EventType.FullSnapshot) {
    return [event.data.node];
  }
  if (event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.Mutation) {
    return event.data.adds.map(({ node }) => node).filter((node) => "childNodes" in node && node.childNodes.length > 0);
  }
  return [];
}
