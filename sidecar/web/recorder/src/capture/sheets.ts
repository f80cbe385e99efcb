// Style sheets of links and style elements; recorder/patches.ts calls these functions in rrweb, which takes a sheet to be
// loaded while those that it imports are not, and then never records it.
import { type attributeMutation, NodeType, type serializedElementNodeWithId, type textMutation } from "@rrweb/types";
import { listen } from "../support/realm";

type SheetElement = Element & { readonly sheet?: CSSStyleSheet | null };
/** Without a layer or a condition they are null; undefined in browsers that do not know them. */
type Import = Omit<CSSImportRule, "layerName" | "supportsText"> & {
  readonly layerName?: string | null;
  readonly supportsText?: string | null;
};

/** Mark between the texts of two nodes, of rrweb-snapshot 2.1.6. */
const SPLIT = "/* rr_split */";

interface Watched {
  report: () => void;
  reported: CSSStyleSheet | undefined;
}

/** Elements with a listener. */
const watched = new WeakMap<Element, Watched>();

function importsOf(sheet: CSSStyleSheet): CSSImportRule[] {
  try {
    return [...sheet.cssRules].filter((rule) => "styleSheet" in rule) as CSSImportRule[];
  } catch {
    return []; // of another site
  }
}

/** Returns the sheet of an element when it and all that it imports are loaded, else undefined. */
export function loadedSheet(element: SheetElement): CSSStyleSheet | undefined {
  const sheet = element.sheet ?? undefined;
  return sheet !== undefined && isLoaded(sheet) ? sheet : undefined;
}

/** A sheet that could not be loaded is an empty one. */
function isLoaded(sheet: CSSStyleSheet): boolean {
  return importsOf(sheet).every(({ styleSheet }) => styleSheet !== null && isLoaded(styleSheet));
}

/** Whether an element may have a style sheet, now or later. */
export function hasSheet({ tagName }: Element): boolean {
  return tagName === "LINK" || tagName === "STYLE";
}

/** Calls back each time that an element has another sheet, or one that imports others, and all are loaded. */
export function onSheet(element: SheetElement, report: () => void): void {
  const known = watched.get(element);
  const reported = loadedSheet(element);
  if (known !== undefined) {
    // The page is recorded anew: the former recording may have ended.
    known.report = report;
    known.reported = reported;
    return;
  }
  const its = { report, reported };
  watched.set(element, its);
  const look = (): void => {
    const sheet = loadedSheet(element);
    if (sheet !== undefined && element.isConnected && (sheet !== its.reported || importsOf(sheet).length > 0)) {
      its.reported = sheet;
      its.report();
    }
  };
  listen(element, "load", look);
  listen(element, "error", look); // one of several imports could not be loaded
}

/** Returns the change of an element with another sheet: of its texts, if it has any, else of an attribute. */
export function sheetChange({ id, attributes, childNodes }: serializedElementNodeWithId): {
  texts: textMutation[];
  attributes: attributeMutation[];
} {
  const parts = String(attributes._cssText).split(SPLIT);
  const texts = childNodes.filter(({ type }) => type === NodeType.Text);
  return texts.length === 0
    ? { texts: [], attributes: [{ id, attributes: attributes as attributeMutation["attributes"] }] }
    : {
        texts: texts.map((text, at) => ({
          id: text.id,
          value: at === texts.length - 1 ? parts.slice(at).join("") : (parts[at] ?? ""),
        })),
        attributes: [],
      };
}

/**
 * Returns the text of an imported sheet, as one rule: the numbers of the rules after it stay those of the page.
 *
 * @param rule - The import: https://drafts.csswg.org/css-cascade-5/#at-import.
 * @param textOf - Returns the text of a sheet; null when it cannot be read.
 * @param statement - Returns the import itself, for a sheet that cannot be read or is not loaded yet.
 */
export function imported(
  rule: Import,
  textOf: (sheet: CSSStyleSheet) => string | null,
  statement: () => string,
): string {
  const sheet = rule.styleSheet;
  let text = (sheet === null ? null : textOf(sheet)) ?? "";
  if (text === "" || text.includes("@import")) {
    return text || statement(); // an import inside of a block has no effect
  }
  const { layerName, supportsText } = rule;
  if (typeof layerName === "string") {
    text = `@layer ${layerName} { ${text} }`;
  }
  if (typeof supportsText === "string") {
    text = `@supports (${supportsText}) { ${text} }`;
  }
  return `@media ${rule.media.mediaText || "all"} { ${text} }`;
}
