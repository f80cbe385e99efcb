import { describe, expect, it } from "vitest";
import { cleanNode } from "../../src/player/frame/nodeShape";

const text = (id: number, textContent: unknown = "words") => ({ type: 3, id, textContent });
const element = (id: number, childNodes: unknown, more: object = {}) => ({
  type: 2,
  id,
  tagName: "p",
  attributes: {},
  childNodes,
  ...more,
});
const page = (...childNodes: unknown[]) => ({ type: 0, id: 1, childNodes });
const clean = (node: unknown): [leftOut: number | null, node: unknown] => [cleanNode(node), node];

describe("cleanNode", () => {
  it("leaves good nodes as they are", () => {
    const doctype = { type: 1, id: 2, name: "html", publicId: "", systemId: "" };
    const good = page(
      doctype,
      element(3, [text(4), { type: 5, id: 5, textContent: "note" }], { attributes: { a: "b" } }),
    );
    expect(clean(structuredClone(good))).toEqual([0, good]);
  });

  it.each([
    ["CDATA, which HTML documents cannot have", { type: 4, id: 4, textContent: "a < b" }, text(4, "a < b")],
    ["a text that is a number", text(4, 7), text(4, "7")],
    ["a text without content", { type: 3, id: 4 }, text(4, "")],
    ["a comment that is null", { type: 5, id: 4, textContent: null }, { type: 5, id: 4, textContent: "" }],
    ["missing children", element(4, undefined), element(4, [])],
    ["children that are null", element(4, null), element(4, [])],
    ["missing attributes", element(4, [], { attributes: null }), element(4, [])],
    ["a tag with other characters", element(4, [], { tagName: "a<b" }), element(4, [], { tagName: "div" })],
    ["a tag that begins with a digit", element(4, [], { tagName: "1st" }), element(4, [], { tagName: "div" })],
    ["a custom element by no such name", element(4, [], { isCustom: true }), element(4, [])],
    ["a document of its own by no id", { ...text(4), rootId: "x" }, text(4)],
  ])("repairs %s", (_, odd, repaired) => {
    expect(clean(page(element(3, [odd])))).toEqual([0, page(element(3, [repaired]))]);
  });

  it.each([
    ["null", null],
    ["a text in place of a node", "div"],
    ["a list", []],
    ["an unknown type", { type: 9, id: 4 }],
    ["no id", { type: 3, textContent: "words" }],
    ["an id that is a text", { ...text(4), id: "4" }],
    ["an element without a tag", element(4, [], { tagName: undefined })],
    ["an element with a number as its tag", element(4, [], { tagName: 5 })],
    ["a document, which would replace the page", page(text(9))],
    ["a document type", { type: 1, id: 4, name: "html" }],
  ])("leaves out %s, and nothing beside it", (_, odd) => {
    expect(clean(page(element(3, [text(7), odd, text(8)])))).toEqual([1, page(element(3, [text(7), text(8)]))]);
  });

  it("leaves out text that is in no element", () => {
    expect(clean(page(text(2), element(3, [])))).toEqual([1, page(element(3, []))]);
  });

  it.each([
    ["an empty name", { "": "x" }],
    ["a name with a space", { "a b": "x" }],
    ["a name with a slash", { "a/b": "x" }],
    ["a value that is an object", { title: { a: 1 } }],
    ["a value that is a list", { title: ["a"] }],
    ["a volume of something else than media", { rr_mediaVolume: 0.5 }],
    ["a state of something else than media", { rr_mediaState: "played" }],
  ])("leaves out an attribute with %s", (_, attributes) => {
    expect(clean(element(3, [], { attributes: { id: "x", ...attributes } }))).toEqual([
      1,
      element(3, [], { attributes: { id: "x" } }),
    ]);
  });

  it.each([
    { rr_mediaVolume: 7 },
    { rr_mediaVolume: "loud" },
    { rr_mediaCurrentTime: Infinity },
    { rr_mediaPlaybackRate: 100 },
    { rr_mediaState: "stopped" },
  ])("leaves out values that a video does not accept: %j", (attributes) => {
    const video = element(3, [], { tagName: "video", attributes: { ...attributes, rr_mediaMuted: true } });
    expect(clean(video)).toEqual([1, element(3, [], { tagName: "video", attributes: { rr_mediaMuted: true } })]);
  });

  it.each([null, undefined, 7, "x", [], {}, { type: 9, id: 1 }])("refuses a root that is no node: %j", (root) => {
    expect(cleanNode(root)).toBeNull();
  });

  it("reaches nodes at any depth", () => {
    let node: unknown = { type: 4, id: 1, textContent: "a" };
    for (let id = 2; id < 50_000; id += 1) {
      node = element(id, [node]);
    }
    expect(cleanNode(node)).toBe(0);
    let found = node as { type: number; childNodes?: unknown[] };
    while (found.childNodes !== undefined) {
      found = found.childNodes[0] as typeof found;
    }
    expect(found.type).toBe(3);
  });
});
