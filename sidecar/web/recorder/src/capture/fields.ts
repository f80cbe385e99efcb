// Changes of fields and attributes that rrweb's recorder misses; recorder/patches.ts calls these functions in it.
import { listen } from "../support/realm";

/** Returns the field that an event or a script has changed: the list that an option is in, else the element itself. */
export function fieldOf(element: Element | null): Element | null {
  return element?.tagName === "OPTION" ? element.closest("select") : element;
}

/** Returns the other radio buttons of a button's group (https://html.spec.whatwg.org/#radio-button-group). */
export function othersOf(button: HTMLInputElement): HTMLInputElement[] {
  const root = button.getRootNode() as Document | ShadowRoot;
  const found = root.querySelectorAll<HTMLInputElement>('input[type="radio"]');
  return [...found].filter((one) => one !== button && one.name === button.name && one.form === button.form);
}

/**
 * Calls back with each field of a form that is reset.
 *
 * @param doc - A document; its shadow roots are not included, since the event does not leave them.
 * @returns The function that ends it.
 */
export function listenToResets(doc: Document, onReset: (field: Element) => void): () => void {
  return listen(doc, "reset", (event: Event) => {
    // The fields change after the event, unless a listener prevents it.
    setTimeout(() => {
      if (event.defaultPrevented) {
        return;
      }
      // Not `form.elements`: a field of that name would hide it.
      for (const field of doc.querySelectorAll<HTMLInputElement>("input, select, textarea")) {
        if (field.form === event.target) {
          onReset(field);
        }
      }
    }, 0);
  });
}

/** Prefixes of attributes by their namespace (https://html.spec.whatwg.org/#adjust-foreign-attributes). */
const PREFIXES: Readonly<Record<string, string>> = {
  "http://www.w3.org/1999/xlink": "xlink:",
  "http://www.w3.org/XML/1998/namespace": "xml:",
};

/** Returns the name by which a recording has an attribute. */
export function qualifiedName(namespace: string | null, name: string): string {
  return `${PREFIXES[namespace ?? ""] ?? ""}${name}`;
}
