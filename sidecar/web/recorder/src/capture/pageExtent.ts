// The page as a whole: its size, and its scroller. Often that is the document, but it may be the body, or one
// element that fills the window below a header.

/** The page, in CSS pixels. */
export interface PageExtent {
  readonly width: number;
  readonly height: number;
  /** The element that scrolls the page; null: the document itself. */
  readonly scroller: Element | null;
  /** Scroll position, counted from the page's left and upper edge: never negative, also in pages from right to left. */
  readonly scrollX: number;
  readonly scrollY: number;
  /** The smallest horizontal scroll position: negative in pages from right to left, else 0. */
  readonly left: number;
  /** Parts of the page's size that are not in the window. */
  readonly hiddenX: number;
  readonly hiddenY: number;
}

/** Least part of the window, on each axis, that an element covers which scrolls the page. */
const MAIN_PART = 0.5;

let known: Element | null = null;

/** Measures the page; the browser computes its layout for it. */
export function pageExtent(): PageExtent {
  const root = document.scrollingElement ?? document.documentElement;
  const scroller = root.scrollHeight > root.clientHeight + 1 ? null : mainScroller();
  const scrolled = scroller ?? root;
  const hiddenX = Math.max(0, scrolled.scrollWidth - scrolled.clientWidth);
  const hiddenY = Math.max(0, scrolled.scrollHeight - scrolled.clientHeight);
  const left = isFromRight(scroller) ? -hiddenX : 0;
  return {
    width: root.clientWidth + hiddenX,
    height: root.clientHeight + hiddenY,
    scroller,
    scrollX: (scroller === null ? window.scrollX : scroller.scrollLeft) - left,
    scrollY: scroller === null ? window.scrollY : scroller.scrollTop,
    left,
    hiddenX,
    hiddenY,
  };
}

/** Returns the element that scrolls most of the window; null: no element does. */
function mainScroller(): Element | null {
  if (known?.isConnected !== true || !scrollsPage(known)) {
    known = null;
    const body = document.body as HTMLElement | null;
    let element = document.elementFromPoint(window.innerWidth / 2, window.innerHeight / 2) ?? body;
    for (; element !== null && known === null; element = element.parentElement) {
      known = scrollsPage(element) ? element : null;
    }
    known ??= body !== null && scrollsPage(body) ? body : null;
  }
  return known;
}

function scrollsPage(element: Element): boolean {
  return (
    element.scrollHeight > element.clientHeight + 1 &&
    element.clientHeight >= window.innerHeight * MAIN_PART &&
    element.clientWidth >= window.innerWidth * MAIN_PART &&
    /auto|scroll|overlay/.test(getComputedStyle(element).overflowY)
  );
}

/** The viewport takes its direction from the root, or else from the body (CSS Writing Modes, principal writing mode). */
function isFromRight(scroller: Element | null): boolean {
  if (scroller !== null) {
    return getComputedStyle(scroller).direction === "rtl";
  }
  const body = document.body as HTMLElement | null;
  return [document.documentElement, body].some((one) => one !== null && getComputedStyle(one).direction === "rtl");
}
