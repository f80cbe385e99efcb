// Pictures, fonts and media that a page has inlined as "data:" URIs, where they are too large for a recording: a chunk
// has a limit, and a snapshot that is refused for one picture is a session without a replay.
//
// A picture is replaced by a grey box of its size, so that the replay keeps its layout; fonts and media by nothing.
import type { eventWithTime } from "@rrweb/types";

/** Custom event with a Replaced as its payload: the events before it are recorded without some of their inlined data. */
export const REPLACED_TAG = "afterimage.replaced";

/** All "data:" URIs of an event together have at most this many times the limit of a single one. */
const URIS_PER_EVENT = 4;
/** Shorter strings are not searched for URIs: replacing them would gain nothing. */
const LEAST_CHARS = 256;
/** Replacement of fonts and media. */
const NOTHING = "data:,";
const BOX_STYLE = 'fill="#e5e7eb" stroke="#9ca3af" stroke-width="2"';
/** Elements that have no size of their own without their content. */
const SIZED = /^(?:video|object|embed|iframe)$/i;

/** Inlined data that was left out of an event. */
export interface Replaced {
  pictures: number;
  fonts: number;
  /** Media, and whatever else was inlined. */
  other: number;
  /** Characters of the URIs left out. */
  bytes: number;
  /** Limit of a single URI; where there are many, smaller ones were replaced as well. */
  limitBytes: number;
}

type Holder = Record<string, unknown>;

/** A string of an event that may have URIs in it. */
interface Slot {
  readonly holder: Holder;
  readonly name: string;
  /** rrweb's id of the element that it belongs to; 0: none. */
  readonly id: number;
}

/**
 * Replaces URIs that are too large, in place.
 *
 * @param event - An event; its strings may be changed.
 * @param limitBytes - Largest URI that is kept, in characters.
 * @param find - Returns the node of an id, as rrweb's mirror knows it.
 * @returns Numbers of replaced URIs; undefined: nothing was replaced.
 */
export function replaceInlineData(
  event: eventWithTime,
  limitBytes: number,
  find: (id: number) => Node | null,
): Replaced | undefined {
  const slots = slotsOf(event.data, (text) => text.length >= LEAST_CHARS && /data:/i.test(text));
  const large = tooLarge(slots, limitBytes);
  if (large.size === 0) {
    return undefined;
  }
  const replaced: Replaced = { pictures: 0, fonts: 0, other: 0, bytes: 0, limitBytes };
  for (const [slot, uris] of large) {
    replaceIn(slot, uris, replaced, find(slot.id));
  }
  return replaced;
}

/** Returns the URIs to be replaced, by the string that they are in. Where there are too many, small ones are kept. */
function tooLarge(slots: readonly Slot[], limitBytes: number): Map<Slot, Uri[]> {
  const all = slots.flatMap((slot) =>
    urisOf(slot.name, slot.holder[slot.name] as string).map((uri) => ({ slot, uri })),
  );
  const large = new Map<Slot, Uri[]>();
  let total = 0;
  for (const { slot, uri } of [...all].sort((first, second) => first.uri.uri.length - second.uri.uri.length)) {
    const { length } = uri.uri;
    total += length;
    if (length > limitBytes || total > limitBytes * URIS_PER_EVENT) {
      large.set(slot, [...(large.get(slot) ?? []), uri]);
    }
  }
  return large;
}

/** Returns the strings of an event's data that `isWanted` accepts. Without recursion: trees may be deep. */
export function slotsOf(data: unknown, isWanted: (text: string) => boolean): Slot[] {
  const slots: Slot[] = [];
  const open: [Holder, number][] = [[data as Holder, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [holder, outer] = next;
    const id = typeof holder["id"] === "number" ? holder["id"] : outer;
    for (const name of Object.keys(holder)) {
      const value = holder[name];
      if (typeof value === "string") {
        if (isWanted(value)) {
          slots.push({ holder, name, id });
        }
      } else if (typeof value === "object" && value !== null) {
        open.push([value as Holder, id]);
      }
    }
  }
  return slots;
}

/** Returns a picture of a box as a URI without quotes, spaces and parentheses; without a size it fills its place. */
export function boxUri(width = 0, height = 0): string {
  const size = width > 0 && height > 0 ? ` width="${width}" height="${height}"` : "";
  const box = `<svg xmlns="http://www.w3.org/2000/svg"${size}><rect width="100%" height="100%" ${BOX_STYLE}/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(box)}`;
}

/** Returns a box of the size that the picture of an element has by itself, or of the element where that is unknown. */
export function boxOf(node: Node | null): string {
  if (node instanceof HTMLImageElement && node.naturalWidth > 0) {
    return boxUri(node.naturalWidth, node.naturalHeight);
  }
  if (node instanceof HTMLCanvasElement) {
    return boxUri(node.width, node.height);
  }
  if (node instanceof HTMLImageElement || node instanceof HTMLInputElement) {
    const { width, height } = node.getBoundingClientRect();
    return boxUri(Math.round(width), Math.round(height));
  }
  return boxUri();
}

/** A "data:" URI within a string. */
interface Uri {
  readonly uri: string;
  readonly from: number;
}

/** Returns the URIs of an attribute's value, or of style. */
function urisOf(name: string, text: string): Uri[] {
  if (isSrcset(name)) {
    return [...text.matchAll(/\S+/g)]
      .filter(([word]) => /^data:/i.test(word))
      .map(({ 0: uri, index }) => ({ uri, from: index }));
  }
  if (/^\s*data:/i.test(text)) {
    return [{ uri: text, from: 0 }];
  }
  // Searched by hand: a regular expression of a string of megabytes may run out of its stack.
  const found: Uri[] = [];
  const starts = /["'(]\s*data:/gi;
  for (let start = starts.exec(text); start !== null; start = starts.exec(text)) {
    const from = start.index + start[0].length - "data:".length;
    const uri = text.slice(from, endOf(text, from, start[0].charAt(0)));
    found.push({ uri, from });
    starts.lastIndex = from + uri.length;
  }
  return found;
}

function endOf(text: string, from: number, opening: string): number {
  const closing = opening === "(" ? ")" : opening;
  let end = text.indexOf(closing, from);
  while (end > 0 && text.charAt(end - 1) === "\\") {
    end = text.indexOf(closing, end + 1);
  }
  return end < 0 ? text.length : end;
}

function isSrcset(name: string): boolean {
  return /srcset$/i.test(name);
}

function replaceIn({ holder, name }: Slot, large: Uri[], replaced: Replaced, node: Node | null): void {
  const text = holder[name] as string;
  // The element's own picture, not one of its style.
  const isOwn = isSrcset(name) || large[0]?.uri === text;
  const element = node?.nodeName === "SOURCE" ? (node.parentElement?.querySelector("img") ?? node) : node;
  let written = "";
  let end = 0;
  for (const { uri, from } of large.sort((first, second) => first.from - second.from)) {
    replaced.bytes += uri.length;
    written += text.slice(end, from) + substituteOf(uri, replaced, isOwn ? element : null);
    end = from + uri.length;
  }
  // A box has the size of the chosen candidate, so it is the only one.
  holder[name] = isSrcset(name) ? boxOf(element) : written + text.slice(end);
  if (isOwn && node instanceof Element && SIZED.test(node.tagName)) {
    const { width, height } = node.getBoundingClientRect();
    holder["rr_width"] = `${width}px`;
    holder["rr_height"] = `${height}px`;
  }
}

function substituteOf(uri: string, replaced: Replaced, element: Node | null): string {
  const type = uri.slice(0, 64).trimStart().toLowerCase();
  if (type.startsWith("data:image/")) {
    replaced.pictures += 1;
    return boxOf(element);
  }
  if (/^data:(?:font\/|application\/(?:x-)?(?:font|vnd\.ms-fontobject))/.test(type)) {
    replaced.fonts += 1;
  } else {
    replaced.other += 1;
  }
  return NOTHING;
}
