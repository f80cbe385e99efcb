// How a page that is taller than paper is laid out: in columns, like a newspaper. Pure.
import type { Extent } from "../heatmap/heatmapData";

/** Width and height of the room for a picture on paper, in CSS pixels; both sizes of paper have it. */
const ROOM: Extent = { width: 686, height: 700 };
/** Distance of two columns with their borders. */
const GAP = 10;
const MOST = 6;

/** Columns, and the size of the page in one of them as if it were not cut. */
export interface Columns extends Extent {
  count: number;
}

/** Returns as few columns as the page needs; the page is never enlarged. */
export function columnsFor(page: Extent): Columns {
  const ratio = page.height / page.width;
  let count = 0;
  let size: Extent = page;
  do {
    count += 1;
    const width = Math.min(page.width, (ROOM.width - GAP * (count - 1)) / count);
    size = { width, height: width * ratio };
  } while (size.height / count > ROOM.height && count < MOST);
  if (size.height / count > ROOM.height) {
    const height = ROOM.height * count;
    size = { width: height / ratio, height };
  }
  return { count, width: Math.floor(size.width), height: Math.floor(size.height) };
}
