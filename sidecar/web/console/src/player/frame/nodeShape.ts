// Recorded nodes in a form that the Replayer can build. Recordings are not trusted, and one node that it cannot build
// would end the whole picture: it is repaired where its meaning is sure, else left out with all that is in it.
import { NodeType } from "@rrweb/types";

export type Fields = Record<string, unknown>;

/** Tag names as rrweb's recorder writes them; it records others as a div too (`getValidTagName`). */
const TAG = /^[a-z][a-z0-9._:-]*$/i;

/** Names of attributes that an HTML parser can produce (https://html.spec.whatwg.org/#attribute-name-state). */

const ATTRIBUTE = /^[^\s"'<>/=\0]+$/;

/** Names that a custom element may have; those reserved by SVG and MathML aside. */
const CUSTOM = /^[a-z][a-z0-9._]*-[a-z0-9._-]*$/;
const RESERVED = /^(annotation-xml|color-profile|font-face(-.*)?|missing-glyph)$/;

/** Attributes of rrweb that set properties of media, and the values that those accept. */
const MEDIA: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["rr_mediaState", (value: unknown) => value === "played" || value === "paused"],
  ["rr_mediaCurrentTime", (value: unknown) => isNumber(value) && value >= 0],
  ["rr_mediaVolume", (value: unknown) => isNumber(value) && value >= 0 && value <= 1],
  // The range of Chromium.
  ["rr_mediaPlaybackRate", (value: unknown) => isNumber(value) && value >= 0.0625 && value <= 16],
]);

/**
 * Repairs a node and all nodes in it, which it changes. Not recursive: a page may be deeper than the stack.
 *
 * @returns The number of nodes and attributes that were left out; null: the node itself cannot be built.
 */
export function cleanNode(root: unknown): number | null {
  if (!isBuildable(root)) {
    return null;
  }
  let leftOut = repair(root);
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.type !== NodeType.Document && node.type !== NodeType.Element) {
      continue;
    }
    const parent = node;
    const children = listOf(parent.childNodes);
    const kept = children.filter((child): child is Fields => isBuildable(child) && mayContain(parent, child));
    leftOut += children.length - kept.length;
    parent.childNodes = kept;
    for (const child of kept) {
      leftOut += repair(child);
      pending.push(child);
    }
  }
  return leftOut;
}

/** Whether a value is a node of a known type with an id. */
function isBuildable(node: unknown): node is Fields {
  if (!isFields(node) || !isId(node.id)) {
    return false;
  }
  switch (node.type) {
    case NodeType.Element:
      return typeof node.tagName === "string" && node.tagName !== "";
    case NodeType.Document:
    case NodeType.DocumentType:
    case NodeType.Text:
    case NodeType.CDATA:
    case NodeType.Comment:
      return true;
    default:
      return false;
  }
}

/** Whether the DOM lets a node be a child: a document inside of another would replace the whole page. */
function mayContain(parent: Fields, child: Fields): boolean {
  switch (child.type) {
    case NodeType.Document:
      return false;
    case NodeType.DocumentType:
      return parent.type === NodeType.Document;
    case NodeType.Text:
    case NodeType.CDATA:
      return parent.type !== NodeType.Document;
    default:
      return true;
  }
}

/** Repairs the fields of a node. Returns the number of attributes that were left out. */
function repair(node: Fields): number {
  if (node.rootId !== undefined && !isId(node.rootId)) {
    delete node.rootId;
  }
  switch (node.type) {
    case NodeType.Element:
      return repairElement(node);
    case NodeType.DocumentType:
      node.name = textOf(node.name) || "html";
      node.publicId = textOf(node.publicId);
      node.systemId = textOf(node.systemId);
      return 0;
    case NodeType.CDATA:
      // The Replayer builds HTML documents, in which such a section cannot be created
      // (https://dom.spec.whatwg.org/#dom-document-createcdatasection throws). As text it looks the same.
      node.type = NodeType.Text;
      node.textContent = textOf(node.textContent);
      return 0;
    case NodeType.Text:
    case NodeType.Comment:
      node.textContent = textOf(node.textContent);
      return 0;
    default:
      return 0;
  }
}

function repairElement(node: Fields): number {
  if (!TAG.test(String(node.tagName))) {
    node.tagName = "div";
  }
  const tag = String(node.tagName).toLowerCase();
  if (node.isCustom === true && (!CUSTOM.test(tag) || RESERVED.test(tag))) {
    delete node.isCustom;
  }
  if (!isFields(node.attributes)) {
    node.attributes = {};
  }
  const attributes = node.attributes as Fields;
  let leftOut = 0;
  for (const [name, value] of Object.entries(attributes)) {
    if (!isAttribute(tag, name, value)) {
      Reflect.deleteProperty(attributes, name);
      leftOut += 1;
    }
  }
  return leftOut;
}

function isAttribute(tag: string, name: string, value: unknown): boolean {
  const accepts = MEDIA.get(name);
  if (accepts !== undefined) {
    return (tag === "audio" || tag === "video") && accepts(value);
  }
  return ATTRIBUTE.test(name) && isPlain(value);
}

/** Whether an attribute of this name and value can be set. */
export function canBeSet(name: string, value: unknown): boolean {
  return ATTRIBUTE.test(name) && (isPlain(value) || (name === "style" && isFields(value)));
}

/** Whether a value is an object, and not a list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Whether a value can be a node's id: rrweb counts from 1, and has negative ones for nodes that it adds itself. */
export function isId(value: unknown): value is number {
  return Number.isInteger(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns a text, also of a number; "" for anything else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : isNumber(value) ? String(value) : "";
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === "string" || typeof value === "boolean" || isNumber(value);
}
