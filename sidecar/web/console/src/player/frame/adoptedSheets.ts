// Adopted style sheets of a replay. The Replayer's own way loses them, without a report, in these cases (two of them are
// PostHog/posthog-js#4435 and #4731): the sheets come before their shadow root; a host is removed and comes back, with a
// new shadow root; a seek backward keeps those of the later moment; a seek forward carries out the changes of a sheet
// before the event that brings it.
import type { Replayer } from "@rrweb/replay";
import {
  type adoptedStyleSheetData,
  EventType,
  type eventWithTime,
  IncrementalSource,
  type styleDeclarationData,
  type styleSheetRuleData,
} from "@rrweb/types";

type SheetData = adoptedStyleSheetData | styleSheetRuleData | styleDeclarationData;
type Styles = NonNullable<adoptedStyleSheetData["styles"]>;

/** Members of a Replayer (2.1.6) that its published types do not have. */
interface Inside {
  usingVirtualDom: boolean;
  iframe: HTMLIFrameElement;
  styleMirror: {
    add: (sheet: CSSStyleSheet, id: number) => void;
    getStyle: (id: number) => CSSStyleSheet | null;
    reset: () => void;
  };
  /** Events that wait for the end of a seek, and are then given to applyAdoptedStyleSheet. */
  adoptedStyleSheets: SheetData[];
  applyAdoptedStyleSheet: (data: SheetData) => void;
  applyStyleSheetRule: (data: Partial<styleSheetRuleData>, sheet: CSSStyleSheet) => void;
  applyStyleSheetMutation: (data: SheetData) => void;
  rebuildFullSnapshot: (event: eventWithTime, isSync?: boolean) => void;
}

/** A document, or an element with a shadow root, that adopts sheets. */
interface Adopter {
  readonly styleIds: readonly number[];
  /** Where they were adopted; null: nowhere yet, or not all of them. */
  root: Document | ShadowRoot | null;
}

/** Takes over the adopted sheets of a Replayer; a plugin of it (`plugins` of its configuration). */
export class AdoptedSheets {
  #replayer: Replayer | null = null;
  readonly #adopters = new Map<number, Adopter>();
  /** Rules of sheets that came before their host, by id. */
  readonly #waiting = new Map<number, Styles[number]["rules"]>();

  /** Must come before the first event is applied. */
  takeOver(replayer: Replayer): void {
    this.#replayer = replayer;
    const inside = replayer as unknown as Inside;
    inside.applyAdoptedStyleSheet = (data) => {
      if (data.source === IncrementalSource.AdoptedStyleSheet) {
        this.#apply(inside, data);
      } else {
        inside.applyStyleSheetMutation(data);
      }
    };
    // The changes of sheets wait in the same list as the sheets, in the order of their events.
    Object.defineProperty(inside, "constructedStyleMutations", {
      get: () => ({ push: (data: SheetData) => inside.adoptedStyleSheets.push(data), forEach: () => undefined }),
      set: () => undefined,
    });
    const rebuild = inside.rebuildFullSnapshot.bind(replayer);
    inside.rebuildFullSnapshot = (event, isSync) => {
      // The document stays the same one; the ids begin anew.
      this.#adopters.clear();
      this.#waiting.clear();
      inside.adoptedStyleSheets = [];
      inside.styleMirror.reset();
      const document = inside.iframe.contentDocument;
      if (document !== null) {
        document.adoptedStyleSheets = [];
      }
      rebuild(event, isSync);
    };
    replayer.on("flush", () => {
      this.#adopt(inside);
    });
  }

  /** Called by the Replayer after each event that it has applied. */
  handler(event: eventWithTime): void {
    const inside = this.#replayer as unknown as Inside | null;
    const isMutation = event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.Mutation;
    if (inside !== null && isMutation && !inside.usingVirtualDom) {
      this.#adopt(inside);
    }
  }

  #apply(inside: Inside, { id, styleIds, styles = [] }: adoptedStyleSheetData): void {
    const host = this.#replayer?.getMirror().getNode(id) ?? null;
    for (const { styleId, rules } of styles) {
      if (host === null) {
        this.#waiting.set(styleId, rules);
      } else {
        create(inside, styleId, rules, host);
      }
    }
    this.#adopters.set(id, { styleIds, root: null });
    const refused = this.#adopt(inside).get(id);
    if (refused !== undefined) {
      throw refused; // replayerGuard.ts reports it
    }
  }

  /** Adopts the sheets where there is a root without them; returns the errors, by the adopter's id. */
  #adopt(inside: Inside): Map<number, Error> {
    const refused = new Map<number, Error>();
    for (const [id, adopter] of this.#adopters) {
      const node = this.#replayer?.getMirror().getNode(id) ?? null;
      const root = node === null ? null : rootOf(node);
      if (node === null || root === null || root === adopter.root) {
        continue;
      }
      for (const styleId of adopter.styleIds) {
        const rules = this.#waiting.get(styleId);
        if (rules !== undefined) {
          this.#waiting.delete(styleId);
          create(inside, styleId, rules, node);
        }
      }
      const sheets = adopter.styleIds
        .map((styleId) => inside.styleMirror.getStyle(styleId))
        .filter((one) => one !== null);
      try {
        root.adoptedStyleSheets = sheets;
      } catch (error) {
        // A sheet of another document: the host has moved between frames, where a browser drops its sheets, too.
        refused.set(id, error as Error);
      }
      adopter.root = sheets.length === adopter.styleIds.length ? root : null;
    }
    return refused;
  }
}

/** Returns where a node adopts sheets; null: it has no shadow root. */
function rootOf(node: Node): Document | ShadowRoot | null {
  return node.nodeType === Node.DOCUMENT_NODE ? (node as Document) : (node as Element).shadowRoot;
}

function create(inside: Inside, styleId: number, rules: Styles[number]["rules"], host: Node): void {
  const view = (host.ownerDocument ?? (host as Document)).defaultView;
  if (view !== null) {
    const sheet = new view.CSSStyleSheet();
    inside.styleMirror.add(sheet, styleId);
    inside.applyStyleSheetRule({ source: IncrementalSource.StyleSheetRule, adds: rules }, sheet);
  }
}
