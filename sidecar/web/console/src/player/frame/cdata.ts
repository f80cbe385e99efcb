import { EventType, IncrementalSource, NodeType, type eventWithTime } from "@rrweb/types";

/**
 * Makes CDATA sections of snapshots and mutations text. The Replayer builds HTML documents, in which such a section
 * cannot be created (https://dom.spec.whatwg.org/#dom-document-createcdatasection throws): one of them, from an XHTML
 * page or made up, would end the replay. As text it looks the same.
 */
export function cdataAsText(events: readonly eventWithTime[]): void {
  // Not recursive: a snapshot may be deeper than the stack. Anything may stand anywhere: recordings are not trusted.
  const pending: unknown[] = [];
  for (const { type, data } of events as readonly { type: EventType; data: unknown }[]) {
    const fields = record(data);
    if (type === EventType.FullSnapshot) {
      pending.push(fields.node);
    } else if (type === EventType.IncrementalSnapshot && fields.source === IncrementalSource.Mutation) {
      pending.push(...list(fields.adds).map((add) => record(add).node));
    }
  }
  for (let node = pending.pop(); node !== undefined || pending.length > 0; node = pending.pop()) {
    const fields = record(node);
    if (fields.type === NodeType.CDATA) {
      fields.type = NodeType.Text;
    }
    for (const child of list(fields.childNodes)) {
      pending.push(child);
    }
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
