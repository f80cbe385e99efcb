// Files that a recorded page names and that are not shown: the document's Content-Security-Policy does not allow their
// servers, or they cannot be loaded.
import { LONGEST_TEXT, type MissingFiles, MOST_HOSTS } from "../protocol";

type Kind = "pictures" | "fonts" | "sheets" | "media";

/** Maximum number of files that are counted, by kind. */
const MOST_FILES = 1_000;

/** Interval in which findings are reported together, in milliseconds. */
const GATHER_MS = 300;

const BY_DIRECTIVE: Readonly<Record<string, Kind>> = {
  "img-src": "pictures",
  "font-src": "fonts",
  "style-src": "sheets",
  "style-src-elem": "sheets",
  "media-src": "media",
};

const BY_ELEMENT: Readonly<Record<string, Kind>> = {
  img: "pictures",
  image: "pictures",
  link: "sheets",
  video: "media",
  audio: "media",
  source: "media",
};

/** Watches the documents of a replay: a plugin of rrweb's Replayer (`plugins` of its configuration). */
export class MissingFilesWatch {
  readonly #report: (missing: MissingFiles) => void;
  readonly #found: Readonly<Record<Kind, Set<string>>> = {
    pictures: new Set(),
    fonts: new Set(),
    sheets: new Set(),
    media: new Set(),
  };
  readonly #hosts = new Set<string>();
  #isToReport = false;

  /** @param report Called with the numbers up to now, after each change. */
  constructor(report: (missing: MissingFiles) => void) {
    this.#report = report;
  }

  /** Called by the Replayer for each node that it has built. */
  onBuild(node: unknown): void {
    const document = node as Document;
    if (document.nodeType !== Node.DOCUMENT_NODE) {
      return;
    }
    // Once each: the Replayer opens a document anew for each snapshot, which takes its listeners away.
    document.removeEventListener("securitypolicyviolation", this.#onRefused);
    document.addEventListener("securitypolicyviolation", this.#onRefused);
    document.removeEventListener("error", this.#onError, true);
    document.addEventListener("error", this.#onError, true);
  }

  readonly #onRefused = (event: SecurityPolicyViolationEvent): void => {
    this.#add(BY_DIRECTIVE[event.effectiveDirective], event.blockedURI);
  };

  readonly #onError = (event: Event): void => {
    const element = event.target as Element;
    const address = ["src", "href", "xlink:href"].map((name) => element.getAttribute(name)).find(Boolean);
    this.#add(BY_ELEMENT[element.localName], address ?? "");
  };

  #add(kind: Kind | undefined, address: string): void {
    if (kind === undefined || !/^https?:/i.test(address) || !URL.canParse(address)) {
      return;
    }
    const found = this.#found[kind];
    const { href, host } = new URL(address);
    if (found.has(href) || found.size >= MOST_FILES) {
      return;
    }
    found.add(href);
    if (this.#hosts.size < MOST_HOSTS && host.length <= LONGEST_TEXT) {
      this.#hosts.add(host);
    }
    if (this.#isToReport) {
      return;
    }
    this.#isToReport = true;
    setTimeout(() => {
      this.#isToReport = false;
      const { pictures, fonts, sheets, media } = this.#found;
      this.#report({
        pictures: pictures.size,
        fonts: fonts.size,
        sheets: sheets.size,
        media: media.size,
        hosts: [...this.#hosts],
      });
    }, GATHER_MS);
  }
}
