// Attributes by which a rebuilt page would reach another machine although the document's Content-Security-Policy refuses
// the load. Chromium connects to the host of a frame before it asks the policy, and to those of preconnect and
// dns-prefetch without asking it (tests/browser/test_no_connections.py).
//
// They are refused where the Replayer sets them, and not taken out of its events: it sets an attribute of a node by its
// id, and which element has an id at that moment is decided by the times of all events, also of those to come.

/** Elements that show another document, and attributes that name it or, by its type, the program for it. */
const FRAMES = new Set(["iframe", "frame", "fencedframe", "portal", "webview", "object", "embed", "applet"]);
const FRAME_SOURCES = new Set(["src", "srcdoc", "data", "code", "codebase", "archive", "classid", "type"]);

/** Kinds of <link> that load nothing, or nothing from inside a frame, or are subject to the policy. */
const RELS = new Set([
  "stylesheet",
  "alternate",
  "icon",
  "shortcut",
  "apple-touch-icon",
  "mask-icon",
  "manifest",
  "canonical",
  "author",
  "help",
  "license",
  "me",
  "nofollow",
  "noopener",
  "noreferrer",
]);

/** Orders of <meta> that change nothing or only texts; others are "refresh" and "x-dns-prefetch-control". */
const ORDERS = new Set(["content-type", "content-language", "x-ua-compatible", "default-style"]);

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";
/** Elements of MathML (https://w3c.github.io/mathml-core/#mathml-elements-and-attributes); rrweb has no word for them. */
const MATH = new Set(
  (
    "annotation annotation-xml maction math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot " +
    "mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics"
  ).split(" "),
);
const XLINK = "http://www.w3.org/1999/xlink";

type Realm = Window & typeof globalThis;

const guarded = new WeakSet<Realm>();

/**
 * Makes elements of a window, and of all frames in it, refuse such attributes, and leave out nodes and
 * attributes that the DOM refuses, since an exception would end the building of all that follow. Must come before rrweb's Replayer: it
 * creates elements in its own window and in those of the frames that it builds.
 */
export function guard(realm: Realm): void {
  if (guarded.has(realm)) {
    return;
  }
  guarded.add(realm);
  const element = realm.Element.prototype;
  const { setAttribute, setAttributeNS } = Object.getOwnPropertyDescriptors(element);
  element.setAttribute = function (this: Element, name: unknown, value: unknown) {
    const allowed = allowedValue(this, String(name), String(value));
    if (allowed === null) {
      return;
    }
    forgiving(() => {
      if (this.namespaceURI === SVG && name === "xlink:href") {
        // The Replayer sets a changed link without its namespace, in which SVG does not see it.
        setAttributeNS.value?.call(this, XLINK, name, allowed);
      } else {
        setAttribute.value?.call(this, String(name), allowed);
      }
    });
  };
  element.setAttributeNS = function (this: Element, namespace, name: unknown, value: unknown) {
    const allowed = allowedValue(this, String(name).replace(/^.*:/, ""), String(value));
    if (allowed !== null) {
      forgiving(() => setAttributeNS.value?.call(this, namespace, String(name), allowed));
    }
  };
  forgive(realm);
  // The Replayer takes the document of a frame before it creates elements in it.
  const frame = realm.HTMLIFrameElement.prototype;
  const contentDocument = Object.getOwnPropertyDescriptor(frame, "contentDocument");
  Object.defineProperty(frame, "contentDocument", {
    ...contentDocument,
    get(this: HTMLIFrameElement) {
      const inner = contentDocument?.get?.call(this) as Document | null;
      const window = inner?.defaultView ?? null;
      if (window !== null) {
        guard(window);
      }
      return inner;
    },
  });
}

/** Makes methods that build nodes return a substitute where they would throw. */
function forgive(realm: Realm): void {
  const createElement = methodOf(realm.Document.prototype, "createElement");
  const createElementNS = methodOf(realm.Document.prototype, "createElementNS");
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- no deprecated form of it is called
  realm.Document.prototype.createElement = function (this: Document, tag: string, options?: ElementCreationOptions) {
    const name = tag.toLowerCase(); // the Replayer has names in capitals, too
    if (MATH.has(name)) {
      return createElementNS.call(this, MATHML, name) as HTMLElement;
    }
    return forgiving(() => createElement.call(this, tag, options)) ?? createElement.call(this, "div");
  };
  realm.Document.prototype.createElementNS = function (this: Document, namespace: string | null, name: string) {
    return forgiving(() => createElementNS.call(this, namespace, name)) ?? createElement.call(this, "div");
  } as Document["createElementNS"];
  const attachShadow = methodOf(realm.Element.prototype, "attachShadow");
  realm.Element.prototype.attachShadow = function (this: Element, init: ShadowRootInit) {
    const root = this.shadowRoot ?? forgiving(() => attachShadow.call(this, init));
    if (root !== undefined) {
      return root;
    }
    // The substitute is that of an element which is nowhere: its contents do not show. rrweb reads it from the element.
    const substitute = attachShadow.call(createElement.call(this.ownerDocument, "div"), init);
    Object.defineProperty(this, "shadowRoot", { value: substitute });
    return substitute;
  };
  const appendChild = methodOf(realm.Node.prototype, "appendChild");
  const insertBefore = methodOf(realm.Node.prototype, "insertBefore");
  realm.Node.prototype.appendChild = function <T extends Node>(this: Node, node: T): T {
    return (forgiving(() => appendChild.call(this, node)) ?? node) as T;
  };
  realm.Node.prototype.insertBefore = function <T extends Node>(this: Node, node: T, child: Node | null): T {
    return (forgiving(() => insertBefore.call(this, node, child)) ?? node) as T;
  };
}

/** Returns a method by itself, to be called with its object. */
function methodOf<T extends object, K extends keyof T>(prototype: T, name: K): T[K] {
  return prototype[name];
}

/** Returns the result of a function; undefined if it throws. */
function forgiving<T>(build: () => T): T | undefined {
  try {
    return build();
  } catch {
    return undefined;
  }
}

/** Returns the value that an attribute of an element may have; null: it must not be set. */
export function allowedValue(element: Element, name: string, value: string): string | null {
  const attribute = name.toLowerCase();
  const tag = element.localName.toLowerCase();
  if (FRAMES.has(tag) && FRAME_SOURCES.has(attribute)) {
    return null;
  }
  if (tag === "meta" && attribute === "http-equiv") {
    return ORDERS.has(value.trim().toLowerCase()) ? value : null;
  }
  if (tag === "link" && attribute === "rel") {
    return value
      .split(/\s+/)
      .filter((rel) => RELS.has(rel.toLowerCase()))
      .join(" ");
  }
  return value;
}
