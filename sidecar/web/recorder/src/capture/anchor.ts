// A number for an element that is the same in every visit, by which clicks on it are drawn in one place.

/** Number of siblings that are counted: an element after more of them is known by its tag only. */
const MAX_SIBLINGS = 500;
const MAX_DEPTH = 64;

/** Names that people give; those with more digits, or with marks, are made by programs and differ between visits. */
const GIVEN_NAME = /^[a-z][a-z_-]*\d?$/i;
const TEST_IDS = ["data-testid", "data-test-id", "data-test", "data-cy", "data-qa"];

/**
 * Returns the number: 32 bits of a hash (FNV-1a) of the path to the element, from the nearest ancestor with a name.
 * The path itself stays in the browser, as names may be personal data.
 */
export function anchorOf(element: Element): number {
  let hash = 0x811c9dc5;
  let at: Element | null = element;
  for (let depth = 0; at !== null && depth < MAX_DEPTH; depth++) {
    const name = givenName(at);
    const step: string = name ?? `${at.localName}:${positionOf(at)}`;
    for (let index = 0; index < step.length; index++) {
      hash = Math.imul(hash ^ step.charCodeAt(index), 0x01000193);
    }
    hash = Math.imul(hash ^ 0x3e, 0x01000193);
    at = name === undefined ? parentOf(at) : outerOf(at);
  }
  return hash >>> 0 || 1;
}

/** Returns the parent in the page: also the host of a shadow root, and the frame around a document of the same origin. */
export function parentOf(element: Element): Element | null {
  return element.assignedSlot ?? element.parentElement ?? outerOf(element);
}

/** Returns the element around an element's tree: its shadow root's host, or its document's frame. */
function outerOf(element: Element): Element | null {
  const root = element.getRootNode();
  if ("host" in root) {
    return (root as ShadowRoot).host;
  }
  try {
    return element.ownerDocument === document ? null : (element.ownerDocument.defaultView?.frameElement ?? null);
  } catch {
    return null;
  }
}

/** Returns a name that only this element of its tree has. */
function givenName(element: Element): string | undefined {
  for (const attribute of ["id", ...TEST_IDS]) {
    const name = element.getAttribute(attribute) ?? "";
    if (GIVEN_NAME.test(name)) {
      const root = element.getRootNode() as ParentNode;
      if ("querySelectorAll" in root && root.querySelectorAll(`[${attribute}="${name}"]`).length === 1) {
        return `${attribute}=${name}`;
      }
    }
  }
  return undefined;
}

function positionOf(element: Element): number {
  let position = 1;
  let before = element.previousElementSibling;
  for (let count = 0; before !== null && count < MAX_SIBLINGS; count++) {
    position += before.localName === element.localName ? 1 : 0;
    before = before.previousElementSibling;
  }
  return position;
}
