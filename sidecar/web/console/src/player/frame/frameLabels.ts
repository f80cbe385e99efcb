// Documents of other machines are neither recorded nor loaded (guard.ts): their frames show as boxes with a label.
import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";

/** A node as it is recorded; nothing of it is certain. */
interface RecordedNode {
  tagName?: unknown;
  attributes?: Record<string, unknown> | null;
  childNodes?: readonly (RecordedNode | null)[] | null;
}

const KINDS = new Map([
  ["iframe", "Frame"],
  ["frame", "Frame"],
  ["fencedframe", "Frame"],
  ["portal", "Frame"],
  ["webview", "Frame"],
  ["object", "Embedded"],
  ["embed", "Embedded"],
  ["applet", "Embedded"],
]);

/** Attributes that name the document, in the order of preference; rrweb records that of a foreign frame as rr_src. */
const SOURCES = ["rr_src", "src", "data", "srcdoc"];

/** Labels the frames in the nodes of these events, which it changes, and returns the events. */
export function labelFrames(events: readonly eventWithTime[]): readonly eventWithTime[] {
  for (const event of events) {
    for (const node of nodesOf(event)) {
      label(node);
    }
  }
  return events;
}

function nodesOf(event: eventWithTime): (RecordedNode | null | undefined)[] {
  const data = event.data as { source?: unknown; node?: RecordedNode; adds?: unknown } | null | undefined;
  if (event.type === EventType.FullSnapshot) {
    return [data?.node];
  }
  const isMutation = event.type === EventType.IncrementalSnapshot && data?.source === IncrementalSource.Mutation;
  const adds: readonly unknown[] = isMutation && Array.isArray(data.adds) ? data.adds : [];
  return adds.map((add) => (add as { node?: RecordedNode } | null)?.node);
}

function label(root: RecordedNode | null | undefined): void {
  const nodes = [root];
  while (nodes.length > 0) {
    const node = nodes.pop();
    const kind = KINDS.get(String(node?.tagName).toLowerCase());
    const attributes = node?.attributes ?? {};
    const source = isRecorded(attributes)
      ? undefined
      : SOURCES.map((name) => attributes[name]).find((value) => typeof value === "string");
    if (kind !== undefined && source !== undefined) {
      if (node?.tagName === "embed") {
        // An <embed> without an address takes no space.
        node.tagName = "object";
      }
      const own = typeof attributes.style === "string" ? attributes.style : "";
      const host = hostOf(source);
      attributes.style = `${own};${boxStyle(host === "" ? kind : `${kind}: ${host}`)}`;
    }
    if (Array.isArray(node?.childNodes)) {
      for (const child of node.childNodes as readonly (RecordedNode | null)[]) {
        nodes.push(child);
      }
    }
  }
}

/** Whether the document of a frame follows in the recording: one in the page itself, unless a sandbox shuts it off. */
function isRecorded({ srcdoc, sandbox }: Record<string, unknown>): boolean {
  return typeof srcdoc === "string" && (typeof sandbox !== "string" || /\ballow-same-origin\b/i.test(sandbox));
}

function hostOf(source: string): string {
  return URL.canParse(source) ? new URL(source).host : "";
}

function boxStyle(words: string): string {
  const text = new XMLSerializer().serializeToString(document.createTextNode(words));
  const picture =
    '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="32">' +
    `<text x="10" y="21" font-family="sans-serif" font-size="13" fill="#4d5666">${text}</text></svg>`;
  const address = `data:image/svg+xml,${encodeURIComponent(picture).replaceAll("'", "%27")}`;
  return (
    `background:#eef0f4 url('${address}') 0 0 no-repeat;` +
    "outline:1px dashed #8b94a5;outline-offset:-1px;color-scheme:light"
  );
}
