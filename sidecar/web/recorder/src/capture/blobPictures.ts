// Pictures with a "blob:" address, which ends with the page: small ones are inlined, of others there is a box.
//
// They are drawn instead of fetched: a page's Content Security Policy may forbid to fetch them, and addresses are often
// revoked as soon as the picture is loaded. Of an animation, that is the present picture.
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { boxOf, slotsOf } from "./inlineData";

/** Pictures with more pixels get a box: encoding them is work, and the result is large. */
const MAX_PIXELS = 2_000_000;
/** Largest URI of a picture, in characters: a page may have hundreds of them. */
const MAX_CHARS = 256 * 1024;
/** Number of encoded pictures that are remembered for later snapshots. */
const MAX_KNOWN = 100;
const ADDRESS = /blob:[^"')\s]+/;

/** Dependencies of BlobPictures. */
export interface BlobPicturesParts {
  /** Adds an event. */
  readonly emit: (event: eventWithTime) => void;
  /** Returns the node of an id, as rrweb's mirror knows it. */
  readonly find: (id: number) => Node | null;
  /** Whether the policy lets the picture of an element be recorded. */
  readonly mayShow: (element: Element) => boolean;
  /** Called for each picture that is too large. */
  readonly onBox: () => void;
  /** Starts work; its errors are reported. */
  readonly start: (work: () => Promise<void>) => void;
}

/** Replaces such addresses in events. */
export class BlobPictures {
  readonly #parts: BlobPicturesParts;
  /** URIs by address; undefined: a box. */
  readonly #known = new Map<string, string | undefined>();

  constructor(parts: BlobPicturesParts) {
    this.#parts = parts;
  }

  /** Replaces addresses in place, by a box at first; a later event has the picture. Returns whether there were any. */
  replace(event: eventWithTime): boolean {
    let isChanged = false;
    for (const { holder, name, id } of slotsOf(event.data, (text) => ADDRESS.test(text))) {
      const element = this.#parts.find(id);
      const attribute = element instanceof Element ? attributeOf(element, holder, name) : undefined;
      const text = holder[name] as string;
      const [address] = ADDRESS.exec(text) ?? [];
      if (attribute === undefined || address === undefined || !(element instanceof Element)) {
        continue;
      }
      isChanged = true;
      holder[name] = text.replace(address, this.#known.get(address) ?? boxOf(element));
      if (!this.#known.has(address) && this.#parts.mayShow(element)) {
        this.#remember(address, undefined);
        this.#parts.start(() => this.#show(id, element, attribute, address));
      }
    }
    return isChanged;
  }

  async #show(id: number, element: Element, attribute: string, address: string): Promise<void> {
    const picture = element instanceof HTMLImageElement ? element : new Image();
    if (picture !== element) {
      picture.src = address;
    }
    await loaded(picture);
    const uri = await encoded(picture);
    if (uri === undefined && picture.naturalWidth > 0) {
      this.#parts.onBox();
    }
    this.#remember(address, uri);
    const value = element.getAttribute(attribute);
    if (value?.includes(address) === true) {
      const shown = value.replace(address, uri ?? boxOf(picture));
      this.#parts.emit({
        type: EventType.IncrementalSnapshot,
        data: {
          source: IncrementalSource.Mutation,
          texts: [],
          attributes: [{ id, attributes: { [attribute]: shown } }],
          removes: [],
          adds: [],
        },
        timestamp: Date.now(),
      });
    }
  }

  #remember(address: string, uri: string | undefined): void {
    this.#known.set(address, uri);
    for (const oldest of [...this.#known.keys()].slice(0, -MAX_KNOWN)) {
      this.#known.delete(oldest);
    }
  }
}

/** Returns the attribute of an element that has a picture's address; undefined: it has another purpose. */
function attributeOf(element: Element, holder: object, name: string): string | undefined {
  const tag = element.localName;
  if (name === "style" || (!("src" in holder || "href" in holder) && /background|image|mask|cursor/.test(name))) {
    return "style";
  }
  const isPicture =
    (tag === "img" && (name === "src" || name === "srcset")) ||
    (tag === "input" && name === "src") ||
    (tag === "image" && name.endsWith("href")) ||
    (tag === "video" && name === "poster");
  return isPicture ? name : undefined;
}

async function loaded(picture: HTMLImageElement): Promise<void> {
  try {
    await picture.decode();
  } catch {
    // Not a picture, or revoked before it was loaded; or it is decoded, and was revoked since.
  }
}

/** Returns a picture as a URI; undefined: it is empty, too large, or unreadable. */
async function encoded(picture: HTMLImageElement): Promise<string | undefined> {
  const { naturalWidth: width, naturalHeight: height } = picture;
  if (width * height === 0 || width * height > MAX_PIXELS) {
    return undefined;
  }
  try {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(picture, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => {
      canvas.toBlob(resolve, "image/webp", 0.85);
    });
    return blob === null || blob.size * (4 / 3) > MAX_CHARS ? undefined : await uriOf(blob);
  } catch {
    return undefined; // another origin's picture within an SVG
  }
}

async function uriOf(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.onerror = () => {
      reject(new Error("a picture cannot be read"));
    };
    reader.readAsDataURL(blob);
  });
}
