// The place of a click on the page: independent of scrolling, and of the edge to which its target is attached.
//
// rrweb records the position in the window, or in a frame's window. The server knows neither which elements are fixed,
// sticky or scrolled, nor where frames are, so that the place is measured here, at the time of the click.
import { EventType, IncrementalSource, MouseInteractions, type eventWithTime } from "@rrweb/types";
import { anchorOf, parentOf } from "./anchor";
import { pageExtent, type PageExtent } from "./pageExtent";

/** Custom event with the place of the click, tap or context menu that follows it; docs/definitions.md describes it. */
export const PLACE_TAG = "afterimage.place";

/** Payload of PLACE_TAG: in CSS pixels of the page, from its left and upper edge. */
export interface ClickPlace {
  /** Id of the target in the recording. */
  readonly id: number;
  readonly x: number;
  readonly y: number;
  /** The page's size at that time. */
  readonly width: number;
  readonly height: number;
  /** Number that the anchoring element has in every visit; absent: the place is not anchored. */
  readonly anchor?: number;
  /** The anchoring element: left, top, width, height. */
  readonly box?: readonly [number, number, number, number];
}

/** Elements that are clicked as a whole, also if a part of them was hit. */
const INTERACTIVE = "a,button,input,select,textarea,label,summary,[role=button],[role=link],[role=tab],[onclick]";

/** Least distance from both edges, and largest difference of the two, of centred elements; parts of the window. */
const CENTRED_GAP = 0.05;
const CENTRED_SLACK = 0.02;

const PLACED: ReadonlySet<MouseInteractions> = new Set([
  MouseInteractions.Click,
  MouseInteractions.ContextMenu,
  MouseInteractions.DblClick,
  MouseInteractions.TouchStart,
]);

type Box = Pick<DOMRect, "left" | "top" | "width" | "height">;

interface Shift {
  readonly x: number;
  readonly y: number;
}

/**
 * Returns the Custom event that precedes a click in the recording; null: the event is not a click, or has no position.
 *
 * @param findNode - Returns the node of an id in the recording.
 */
export function placeBefore(event: eventWithTime, findNode: (id: number) => Node | null): eventWithTime | null {
  if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.MouseInteraction) {
    return null;
  }
  const { id, type, x, y } = event.data;
  if (!PLACED.has(type) || x === undefined || y === undefined) {
    return null;
  }
  const node = findNode(id);
  const target = node?.nodeType === Node.ELEMENT_NODE ? (node as Element) : (node?.parentElement ?? document.body);
  const payload = clickPlace(id, target, x, y);
  return { type: EventType.Custom, timestamp: event.timestamp, data: { tag: PLACE_TAG, payload } };
}

/**
 * Returns the place of a click.
 *
 * @param target - The clicked element, also one in a frame of the same origin or in a shadow root.
 * @param x - Position in the window of the target's document.
 */
export function clickPlace(id: number, target: Element, x: number, y: number): ClickPlace {
  const page = pageExtent();
  const own = boxOf(target);
  // Keys and scripts click at 0, 0.
  const isPoint = x !== 0 || y !== 0 || contains(target.getBoundingClientRect(), 0, 0);
  const point = isPoint
    ? inTop({ left: x, top: y, width: 0, height: 0 }, target.ownerDocument)
    : { left: own.left + own.width / 2, top: own.top + own.height / 2 };
  const shift = shiftOf(target, page);
  const place = { id, width: page.width, height: page.height, ...at(point.left + shift.x, point.top + shift.y) };
  const whole = closest(target);
  for (const element of whole === null || whole === target ? [target] : [whole, target]) {
    const box = element === target ? own : boxOf(element);
    if (contains(box, point.left, point.top) && box.width <= innerWidth && box.height <= innerHeight) {
      const anchor = anchorOf(element);
      const rounded = at(box.left + shift.x, box.top + shift.y);
      return { ...place, anchor, box: [rounded.x, rounded.y, round(box.width), round(box.height)] };
    }
  }
  return place;
}

function closest(target: Element): Element | null {
  for (let element: Element | null = target; element !== null; element = hostOf(element)) {
    const found = element.closest(INTERACTIVE);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

function hostOf(element: Element): Element | null {
  const root = element.getRootNode();
  return "host" in root ? (root as ShadowRoot).host : null;
}

function boxOf(element: Element): Box {
  return inTop(element.getBoundingClientRect(), element.ownerDocument);
}

/** Returns a box of a frame's document in coordinates of the window that is recorded; frames may be scaled. */
function inTop(box: Box, doc: Document): Box {
  let { left, top, width, height } = box;
  for (let inner = doc; inner !== document;) {
    const frame = (inner.defaultView?.frameElement ?? null) as HTMLElement | null;
    if (frame === null) {
      break;
    }
    const outer = frame.getBoundingClientRect();
    const scaleX = frame.offsetWidth > 0 ? outer.width / frame.offsetWidth : 1;
    const scaleY = frame.offsetHeight > 0 ? outer.height / frame.offsetHeight : 1;
    const style = (inner.defaultView?.parent ?? window).getComputedStyle(frame);
    left = outer.left + (frame.clientLeft + parseFloat(style.paddingLeft) + left) * scaleX;
    top = outer.top + (frame.clientTop + parseFloat(style.paddingTop) + top) * scaleY;
    width *= scaleX;
    height *= scaleY;
    inner = frame.ownerDocument;
  }
  return { left, top, width, height };
}

/**
 * Returns the distance from the window's coordinates to the page's, for an element: in a picture of the whole page,
 * a scrolled one lies where it scrolled from, and a fixed one at the edge to which it is attached.
 */
function shiftOf(target: Element, page: PageExtent): Shift {
  let isInside = page.scroller === null;
  let sticks = 0;
  let fixed: Element | null = null;
  for (let element: Element | null = target; element !== null; element = parentOf(element)) {
    if (element.ownerDocument !== document) {
      continue; // a frame's own window scrolls inside the page, which does not move the page
    }
    const style = getComputedStyle(element);
    if (fixed !== null && holdsFixed(style)) {
      fixed = null;
    }
    if (style.position === "fixed") {
      fixed ??= element;
    } else if (style.position === "sticky") {
      sticks += stuckBy(element, style);
    }
    if (element === page.scroller) {
      isInside = true;
    } else if (isInside === (page.scroller === null) && scrolls(element, style)) {
      sticks = 0; // it sticks to something inside the page
    }
  }
  if (fixed !== null) {
    return attached(fixed.getBoundingClientRect(), page, 0, 0, innerWidth, innerHeight);
  }
  if (!isInside && page.scroller !== null) {
    return beside(boxOf(target), page.scroller.getBoundingClientRect(), page);
  }
  return { x: page.scrollX, y: page.scrollY - sticks };
}

function scrolls(element: Element, style: CSSStyleDeclaration): boolean {
  return style.overflowY !== "visible" && element !== document.body && element !== document.documentElement;
}

/** Returns whether an element's fixed descendants are fixed to it and not to the window (CSS Positioned Layout 3). */
function holdsFixed(style: CSSStyleDeclaration): boolean {
  return (
    [style.transform, style.perspective, style.filter, style.backdropFilter].some((one) => one && one !== "none") ||
    /transform|perspective|filter/.test(style.willChange) ||
    /paint|layout|strict|content/.test(style.contain)
  );
}

/** Returns the shift of an element that is attached to the window, from the gaps between the two. */
function attached(box: DOMRect, page: PageExtent, left: number, top: number, width: number, height: number): Shift {
  return {
    x: part(box.left - left, left + width - box.right, width) * page.hiddenX,
    y: part(box.top - top, top + height - box.bottom, height) * page.hiddenY,
  };
}

function part(before: number, after: number, size: number): number {
  if (Math.min(before, after) > CENTRED_GAP * size && Math.abs(before - after) <= CENTRED_SLACK * size) {
    return 0.5;
  }
  return after < before - 1 ? 1 : 0;
}

/** Returns the shift of an element beside the scroller: one after it moves by the hidden part of the page. */
function beside(box: Box, scroller: DOMRect, page: PageExtent): Shift {
  return {
    x: box.left >= scroller.right - 1 ? page.hiddenX : 0,
    y: box.top >= scroller.bottom - 1 ? page.hiddenY : 0,
  };
}

/** Returns the vertical distance of a sticky element from where it lies when nothing is scrolled. */
function stuckBy(element: Element, style: CSSStyleDeclaration): number {
  const parent = element.parentElement;
  if (parent === null) {
    return 0;
  }
  const around = getComputedStyle(parent);
  const outer = parent.getBoundingClientRect();
  const margin = parseFloat(style.marginTop) || 0;
  let top = outer.top + (parseFloat(around.borderTopWidth) || 0) + (parseFloat(around.paddingTop) || 0) + margin;
  const isRow =
    /table-row|grid/.test(around.display) || (around.display.includes("flex") && around.flexDirection.includes("row"));
  const before = isRow ? null : inFlowBefore(element);
  if (before !== null) {
    const last = getComputedStyle(before);
    const stuck = last.position === "sticky" ? stuckBy(before, last) : 0;
    const gap = parseFloat(last.marginBottom) || 0;
    top =
      before.getBoundingClientRect().bottom -
      stuck +
      (around.display.includes("flex") ? gap + margin : Math.max(gap, margin));
  } else if (around.display.includes("table-row")) {
    top -= margin;
  }
  const moved = element.getBoundingClientRect().top - top;
  // Its upper edge holds it below its place, its lower edge above.
  const isMoved = moved > 1 ? style.top !== "auto" : moved < -1 && style.bottom !== "auto";
  return isMoved ? moved : 0;
}

function inFlowBefore(element: Element): Element | null {
  let before = element.previousElementSibling;
  while (
    before !== null &&
    (before.getClientRects().length === 0 || /absolute|fixed/.test(getComputedStyle(before).position))
  ) {
    before = before.previousElementSibling;
  }
  return before;
}

function contains(box: Box, x: number, y: number): boolean {
  return (
    box.width > 0 &&
    box.height > 0 &&
    x >= box.left - 1 &&
    x <= box.left + box.width + 1 &&
    y >= box.top - 1 &&
    y <= box.top + box.height + 1
  );
}

function at(x: number, y: number): { x: number; y: number } {
  return { x: round(x), y: round(y) };
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
