// Shows the whole of a replayed page at once, as the visitor's window laid it out.
//
// A frame as high as the page is a window of that height: an element as high as the window (100vh) would become as high
// as the page, and push everything below it down. Such elements therefore keep the height that they had in the visitor's
// window. The element that scrolls the page grows with the frame until nothing of it is hidden.

/** Width and height in CSS pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Largest number of elements that are held at their height: each costs a layout of the page. */
const MAX_HELD = 300;

/** Least part of the window that an element covers which scrolls the page; the recorder's rule, pageExtent.ts. */
const MAIN_PART = 0.5;

const shown = new WeakMap<Document, string>();

/**
 * Gives a replay's frame the size of the page.
 *
 * @param viewport The visitor's viewport.
 */
export function showWholePage(frame: HTMLIFrameElement, page: Size, viewport: Size): void {
  const doc = frame.contentDocument;
  const key = `${page.width} ${page.height} ${viewport.height} ${doc?.getElementsByTagName("*").length}`;
  resize(frame, page.width, page.height);
  // A recording may hold a document without a body, or one that is not built yet.
  const body = doc === null ? null : (doc.body as HTMLElement | null);
  if (doc !== null && body !== null && shown.get(doc) !== key && viewport.height > 0) {
    shown.set(doc, key);
    resize(frame, page.width, Math.min(viewport.height, page.height));
    const heights = heightsOf(doc);
    resize(frame, page.width, page.height);
    holdHeights(heights);
  }
  // The visitor scrolled a page that is higher than its reported height.
  frame.contentWindow?.scrollTo({ left: 0, top: 0, behavior: "instant" });
}

function resize(frame: HTMLIFrameElement, width: number, height: number): void {
  frame.setAttribute("width", String(width));
  frame.setAttribute("height", String(height));
}

/** Returns the heights of all elements but those that grow with the frame, in the order of the document. */
function heightsOf(doc: Document): Map<HTMLElement, number> {
  const growing = new Set<Element>([doc.documentElement, doc.body]);
  const root = doc.scrollingElement ?? doc.documentElement;
  const elements = Array.from(doc.body.querySelectorAll("*")).filter(isHtml);
  const doesRootScroll = root.scrollHeight > root.clientHeight + 1;
  for (const element of elements) {
    if (!doesRootScroll && scrollsPage(element, root)) {
      for (let at: Element | null = element; at !== null; at = at.parentElement) {
        growing.add(at);
      }
    }
  }
  return new Map(elements.filter((element) => !growing.has(element)).map((element) => [element, element.offsetHeight]));
}

function isHtml(element: Element): element is HTMLElement {
  return "offsetHeight" in element;
}

function scrollsPage(element: HTMLElement, root: Element): boolean {
  return (
    element.scrollHeight > element.clientHeight + 1 &&
    element.clientHeight >= root.clientHeight * MAIN_PART &&
    element.clientWidth >= root.clientWidth * MAIN_PART &&
    /auto|scroll|overlay/.test(element.ownerDocument.defaultView?.getComputedStyle(element).overflowY ?? "")
  );
}

function holdHeights(heights: ReadonlyMap<HTMLElement, number>): void {
  let held = 0;
  for (const [element, height] of heights) {
    if (held === MAX_HELD) {
      return;
    }
    if (Math.abs(element.offsetHeight - height) > 1) {
      held += 1;
      element.style.setProperty("box-sizing", "border-box", "important");
      for (const property of ["height", "min-height", "max-height"]) {
        element.style.setProperty(property, `${height}px`, "important");
      }
    }
  }
}
