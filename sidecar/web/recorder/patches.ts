// Changes to libraries at build time: docs/adr/0020-a-pristine-realm-for-the-recorder.md.
//
// Every text must occur exactly once, so an update of a library that moves it fails the build instead of losing the
// change.
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const source = (name: string): string => fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));

interface Patch {
  readonly from: string;
  readonly to: string;
}

interface Patched {
  /** End of the module's path. */
  readonly module: string;
  /** Statements added at the top. */
  readonly head: string;
  readonly patches: readonly Patch[];
}

/** rrweb's observers by their function, as the recorder's status names them. */
const OBSERVERS = {
  initMoveObserver: "mouse moves",
  initMouseInteractionObserver: "clicks",
  initScrollObserver: "scrolling",
  initViewportResizeObserver: "sizes of the window",
  initInputObserver: "fields set by scripts",
  initMediaInteractionObserver: "media",
  initStyleSheetObserver: "style rules set by scripts",
  initAdoptedStyleSheetObserver: "adopted style sheets",
  initStyleDeclarationObserver: "style properties set by scripts",
  initFontObserver: "fonts",
  initSelectionObserver: "selections",
  initCustomElementObserver: "custom elements",
};

const RRWEB: Patched = {
  module: "@rrweb/record/dist/record.js",
  head:
    `import { listen as afterimageListen, observerClass as afterimageObserver } from ${JSON.stringify(source("support/realm"))};` +
    `import { startPart as afterimagePart } from ${JSON.stringify(source("support/parts"))};` +
    `import { fieldOf as afterimageFieldOf, listenToResets as afterimageResets, othersOf as afterimageOthersOf, qualifiedName as afterimageQualified } from ${JSON.stringify(source("capture/fields"))};` +
    `import { beat as afterimageBeat } from ${JSON.stringify(source("capture/pulse"))};` +
    `import { hasSheet as afterimageHasSheet, imported as afterimageImported, loadedSheet as afterimageLoadedSheet, onSheet as afterimageOnSheet, sheetChange as afterimageSheetChange } from ${JSON.stringify(source("capture/sheets"))};`,
  patches: [
    // The page's own addEventListener may be replaced, or run listeners in a zone.
    {
      from:
        "  target.addEventListener(type, fn, options);\n" +
        "  return () => target.removeEventListener(type, fn, options);",
      to: "  return afterimageListen(target, type, fn, options);",
    },
    // rrweb looks at the constructor only, not at `observe`.
    {
      from: "function mutationObserverCtor() {",
      to: "function mutationObserverCtor() {\n  const own = afterimageObserver();\n  if (own) return [own, () => {}];",
    },
    // The watchdog compares the page with the observer's calls.
    {
      from: `"processMutations", (mutations) => {`,
      to: `"processMutations", (mutations) => {\n      afterimageBeat();`,
    },
    // A page that is written anew, and never closed, has no DOMContentLoaded to wait for.
    {
      from: `if (["interactive", "complete"].includes(document.readyState)) {`,
      to: `if (options.isReadable || ["interactive", "complete"].includes(document.readyState)) {`,
    },
    // It reads `xlink:href` of SVG by its local name, and loses the change.
    {
      from: "          let value = m.target.getAttribute(attributeName);\n",
      to:
        "          let value = m.attributeNamespace ? target.getAttributeNS(m.attributeNamespace, attributeName)" +
        " : target.getAttribute(attributeName);\n" +
        "          attributeName = afterimageQualified(m.attributeNamespace, attributeName);\n",
    },
    // A script that selects an option is not recorded: it looks for the option's tag among those of fields.
    {
      from:
        "    const tagName = target && target.tagName;\n" +
        '    if (target && tagName === "OPTION") {\n' +
        "      target = index.parentElement(target);\n" +
        "    }",
      to: "    target = afterimageFieldOf(target);\n    const tagName = target && target.tagName;",
    },
    // It takes radio buttons of the same name in other forms for those of one group, and misses those in shadow roots.
    {
      from: `doc.querySelectorAll(\`input[type="radio"][name="\${name}"]\`).forEach((el) => {`,
      to: "afterimageOthersOf(target).forEach((el) => {",
    },
    // A reset form has no events of its fields.
    {
      from:
        "  const handlers = events.map(\n" +
        "    (eventName) => on(eventName, callbackWrapper(eventHandler), doc)\n" +
        "  );",
      to:
        "  const handlers = events.map(\n" +
        "    (eventName) => on(eventName, callbackWrapper(eventHandler), doc)\n" +
        "  );\n" +
        "  handlers.push(afterimageResets(doc, (target) => callbackWrapper(eventHandler)({ target, isTrusted: false })));",
    },
    // It looks for the sheet of a link by its address, and does not find those of shadow roots.
    {
      from:
        "    const stylesheet = Array.from(doc.styleSheets).find((s) => {\n" +
        "      return s.href === n.href;\n" +
        "    });",
      to: "    const stylesheet = afterimageLoadedSheet(n);",
    },
    // A sheet that is replaced, or loaded before those that it imports, is not recorded.
    {
      from:
        'serializedNode.tagName === "link" && typeof serializedNode.attributes.rel === "string" && ' +
        '(serializedNode.attributes.rel === "stylesheet" || serializedNode.attributes.rel === "preload" && ' +
        'typeof serializedNode.attributes.href === "string" && ' +
        'extractFileExtension(serializedNode.attributes.href) === "css")',
      to: "afterimageHasSheet(n)",
    },
    {
      from: "function onceStylesheetLoaded(link, listener, styleSheetLoadTimeout) {",
      to: "function onceStylesheetLoaded(link, listener, styleSheetLoadTimeout) {\n  return afterimageOnSheet(link, listener);",
    },
    // A player builds a style element anew without the texts in it.
    {
      from:
        "        adds: [],\n" +
        "        removes: [],\n" +
        "        texts: [],\n" +
        "        attributes: [\n" +
        "          {\n" +
        "            id: childSn.id,\n" +
        "            attributes: childSn.attributes\n" +
        "          }\n" +
        "        ]\n",
      to: "        adds: [],\n        removes: [],\n        ...afterimageSheetChange(childSn)\n",
    },
    // It throws at an import that is not loaded yet, loses the conditions of imports, and changes the number of rules.
    {
      from:
        "    let importStringified;\n" +
        "    try {\n" +
        "      importStringified = // for same-origin stylesheets,\n" +
        "      // we can access the imported stylesheet rules directly\n" +
        "      stringifyStylesheet(rule.styleSheet) || // work around browser issues with the raw string `@import url(...)` statement\n" +
        "      escapeImportStatement(rule);\n" +
        "    } catch (error) {\n" +
        "      importStringified = rule.cssText;\n" +
        "    }\n" +
        "    if (rule.styleSheet.href) {\n" +
        "      return absolutifyURLs(importStringified, rule.styleSheet.href);\n" +
        "    }\n" +
        "    return importStringified;",
      to:
        "    return afterimageImported(rule, stringifyStylesheet, () => {\n" +
        "      const statement = escapeImportStatement(rule);\n" +
        "      return sheetHref ? absolutifyURLs(statement, sheetHref) : statement;\n" +
        "    });",
    },
    // One observer that cannot start must not prevent the others.
    {
      from: "[mutationObserver, cleanupMutationIframe] = initMutationObserver(o, o.doc);",
      to:
        "[mutationObserver, cleanupMutationIframe] = afterimagePart(" +
        '"changes of the page", () => initMutationObserver(o, o.doc), [void 0, () => {}]);',
    },
  ],
};

/** Modules that name globals as properties of `globalThis`, where the bundler does not replace them. */
const WITH_GLOBAL_THIS = /\/gen\/ts\/afterimage_recorder\/|\/protobuf\/dist\/esm\/wire\/text-encoding\.js$/;

/** A Vite plugin that applies the patches. */
export function patches(): Plugin {
  return {
    name: "afterimage:patches",
    enforce: "pre",
    transform(code, id) {
      const path = id.replaceAll("\\", "/").replace(/\?.*$/, "");
      if (WITH_GLOBAL_THIS.test(path)) {
        return { code: code.replaceAll("globalThis.", ""), map: null };
      }
      if (!path.endsWith(RRWEB.module)) {
        return undefined;
      }
      let text = code;
      for (const { from, to } of RRWEB.patches) {
        text = replaceOnce(text, from, to, RRWEB.module);
      }
      return { code: RRWEB.head + guarded(text), map: null };
    },
  };
}

/** Returns rrweb's module with a guard around the start of each observer. */
function guarded(code: string): string {
  const start = code.indexOf("function initObservers(");
  const end = code.indexOf("const pluginHandlers = [];", start);
  if (start < 0 || end < 0) {
    throw new Error("rrweb's initObservers was not found: adapt recorder/patches.ts");
  }
  let body = code.slice(start, end);
  for (const [name, part] of Object.entries(OBSERVERS)) {
    const call = new RegExp(`= (${name}\\((?:[^()]|\\([^()]*\\))*\\));`);
    if (body.match(new RegExp(call.source, "g"))?.length !== 1) {
      throw new Error(`rrweb's ${name} is not called once: adapt recorder/patches.ts`);
    }
    body = body.replace(
      call,
      (_whole, made: string) => `= afterimagePart(${JSON.stringify(part)}, () => ${made}, () => {});`,
    );
  }
  return code.slice(0, start) + body + code.slice(end);
}

function replaceOnce(code: string, from: string, to: string, module: string): string {
  const parts = code.split(from);
  if (parts.length !== 2) {
    throw new Error(
      `${module} has ${parts.length - 1} places instead of one to patch: adapt recorder/patches.ts (${from})`,
    );
  }
  return parts.join(to);
}

/** Globals of the page that the bundle takes from support/realm.ts. */
const PRISTINE = [
  ...["Array", "Object", "Map", "Set", "WeakMap", "JSON", "Math", "Date", "Number", "Reflect", "Promise"],
  ...["MutationObserver", "ResizeObserver", "AbortController", "Blob", "Response", "Uint8Array", "URL", "WebSocket"],
  ...["CompressionStream", "DecompressionStream", "TextEncoder", "TextDecoder", "fetch", "atob", "btoa"],
  ...["setTimeout", "clearTimeout", "setInterval", "clearInterval", "queueMicrotask"],
  ...["requestAnimationFrame", "requestIdleCallback"],
];

/** Returns the bundler's option that replaces these globals by the exports of a module. */
export function pristine(module: string): Record<string, [string, string]> {
  return Object.fromEntries(PRISTINE.map((name) => [name, [module, name]]));
}
