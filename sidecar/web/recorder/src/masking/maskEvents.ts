// Applies the policy where rrweb has no option: patterns in texts and URLs, readable attributes, headers.
import { EventType, IncrementalSource, NodeType, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";
import { MASK } from "./maskingRules";
import { type AppliedPolicy, maskOf } from "./policy";

/** Attributes with readable text. */
const TEXT_ATTRIBUTES = ["title", "alt", "placeholder", "label", "aria-label", "aria-description", "content", "srcdoc"];
/** Attributes that repeat the text that a visitor entered, on elements of any kind. */
const VALUE_ATTRIBUTES = ["value", "aria-valuetext"];
/** Elements with a value that is a number or a constant of the page. */
const UNTYPED = /^(?:li|progress|meter|option|button|select|param|data)$/i;
/** Fewest characters of a value that is looked for in other attributes of its element. */
const LEAST_REPEATED = 3;
const URL_ATTRIBUTES = ["href", "action", "formaction", "cite", "ping"];

type Attributes = Record<string, unknown>;

/** Returns the element of a node id, as rrweb's mirror knows it. */
export type FindNode = (id: number) => Node | null;

/** Masks events in place: no other code holds them yet. */
export class EventMasker {
  readonly #policy: AppliedPolicy;
  readonly #find: FindNode;

  constructor(policy: AppliedPolicy, find: FindNode) {
    this.#policy = policy;
    this.#find = find;
  }

  mask(event: eventWithTime): eventWithTime {
    if (this.#policy.keepsAll) {
      return event;
    }
    switch (event.type) {
      case EventType.Meta:
        event.data.href = this.#policy.rules.url(event.data.href);
        break;
      case EventType.FullSnapshot:
        this.#node(event.data.node, false);
        break;
      case EventType.IncrementalSnapshot:
        if (event.data.source === IncrementalSource.Mutation) {
          for (const added of event.data.adds) {
            this.#node(added.node, false);
          }
          for (const text of event.data.texts) {
            if (text.value !== null) {
              text.value = this.#policy.rules.text(text.value);
            }
          }
          for (const change of event.data.attributes) {
            this.#attributes(change.attributes, change.id);
          }
        }
        break;
      case EventType.Plugin:
        event.data.payload = this.#value(event.data.payload);
        break;
      default:
        break;
    }
    return event;
  }

  #node(node: serializedNodeWithId, isStyle: boolean): void {
    if (node.type === NodeType.Text) {
      if (!isStyle) {
        node.textContent = this.#policy.rules.text(node.textContent);
      }
      return;
    }
    if (node.type === NodeType.Element) {
      this.#attributes(node.attributes, node.id, node.tagName);
    }
    if (node.type !== NodeType.Element && node.type !== NodeType.Document) {
      return;
    }
    const inStyle = node.type === NodeType.Element && (node.tagName === "style" || node.tagName === "script");
    for (const child of node.childNodes) {
      this.#node(child, inStyle);
    }
  }

  #attributes(attributes: Attributes, id: number, tag?: string): void {
    const { rules } = this.#policy;
    for (const name of URL_ATTRIBUTES) {
      const value = attributes[name];
      // A stylesheet's address must stay unchanged.
      if (typeof value === "string" && tag !== "link") {
        attributes[name] = rules.url(value);
      }
    }
    const element = this.#find(id);
    const secret = element instanceof Element ? this.#maskedValue(element) : undefined;
    for (const name in attributes) {
      const value = attributes[name];
      const isText = TEXT_ATTRIBUTES.includes(name) || name.startsWith("aria-value");
      if (typeof value !== "string" || value === "" || !(isText || name.startsWith("data-"))) {
        continue;
      }
      const isKept = name.startsWith("data-rr") || name === "data-afterimage";
      const hides = (!isKept && this.#isMasked(id)) || (secret !== undefined && value.includes(secret));
      attributes[name] = hides ? maskOf(value) : rules.text(value);
    }
    // rrweb masks the property; where the field was emptied since, the attribute of the page's source is still there.
    for (const name of VALUE_ATTRIBUTES) {
      const value = attributes[name];
      if (typeof value !== "string" || value === "" || value === MASK) {
        continue;
      }
      if (element === null) {
        attributes[name] = MASK;
      } else if (element instanceof Element && !(name === "value" && UNTYPED.test(element.tagName))) {
        attributes[name] = this.#policy.input(value, element);
      }
    }
  }

  /** Returns the value of a field that the policy masks, since labels for screen readers may repeat it. */
  #maskedValue(element: Element): string | undefined {
    const value = (element as HTMLInputElement).value as unknown;
    const isLong = typeof value === "string" && value.length >= LEAST_REPEATED && !UNTYPED.test(element.tagName);
    return isLong && this.#policy.input(value, element) !== value ? value : undefined;
  }

  /** An element removed before its event is serialized may have been masked, so it is masked. */
  #isMasked(id: number): boolean {
    const node = this.#find(id);
    return node === null || (node instanceof Element && this.#policy.masksText(node));
  }

  #value(value: unknown): unknown {
    if (typeof value === "string") {
      return this.#policy.rules.text(value);
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.#value(item));
    }
    if (typeof value !== "object" || value === null) {
      return value;
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        name === "name" && typeof item === "string" ? this.#policy.rules.url(item) : this.#value(item),
      ]),
    );
  }
}
