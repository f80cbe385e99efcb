// Texts of a style element that is added. rrweb's recorder sends them as one attribute of the element (`_cssText`), its
// text nodes being empty; the Replayer puts the whole into a text node of its own, and no change of the others reaches it:
// rules that a page has since changed or removed would apply for ever. It splits the texts of nested nodes only.
import { type addedNodeMutation, NodeType } from "@rrweb/types";

/** Mark between the texts of two nodes, of rrweb-snapshot 2.1.6. */
const SPLIT = "/* rr_split */";

/** Gives each text node of an added style element its own part, in the nodes themselves. */
export function shareOutStyleTexts(adds: readonly addedNodeMutation[]): void {
  for (const { node } of adds) {
    if (node.type !== NodeType.Element || node.tagName.toLowerCase() !== "style" || node.childNodes.length > 0) {
      continue;
    }
    const { _cssText: cssText, ...attributes } = node.attributes;
    const texts = inOrder(adds.filter(({ parentId }) => parentId === node.id)).flatMap((add) =>
      add.node.type === NodeType.Text ? [add.node] : [],
    );
    if (typeof cssText !== "string" || texts.length === 0) {
      continue;
    }
    const parts = cssText.split(SPLIT);
    for (const [at, text] of texts.entries()) {
      const isLast = at === texts.length - 1;
      text.textContent = isLast ? parts.slice(at).join("") : (parts[at] ?? "");
      // With it, the Replayer makes `:hover` work, as in other sheets.
      Object.assign(text, { isStyle: true });
    }
    node.attributes = attributes;
  }
}

/** Returns the children of one parent in the order of the document; those of which it is not known come first. */
function inOrder(adds: readonly addedNodeMutation[]): addedNodeMutation[] {
  const ids = new Set(adds.map(({ node }) => node.id));
  const before = new Map(adds.map((add) => [add.nextId !== null && ids.has(add.nextId) ? add.nextId : null, add]));
  const found: addedNodeMutation[] = [];
  for (let add = before.get(null); add !== undefined && found.length < adds.length; add = before.get(add.node.id)) {
    found.unshift(add);
  }
  return [...adds.filter((add) => !found.includes(add)), ...found];
}
