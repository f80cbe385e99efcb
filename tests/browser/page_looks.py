"""Looks of a page: the visible state of each node, and the differences of two looks."""

from __future__ import annotations

import io

from PIL import Image, ImageChops

COLOUR_TOLERANCE = 8
"""Difference of two colours, of 255, that is not visible: encoders round."""
MOST_PIXELS = 40
"""Number of pixels of a picture that may differ: edges of glyphs."""

LOOK = r"""(root) => {
  const STYLES = [
    "color", "background-color", "background-image", "display", "visibility", "opacity", "font-weight", "font-style",
    "font-size", "font-family", "text-decoration-line", "text-transform", "border-top-color", "border-top-width",
    "border-left-color", "border-left-width", "position", "z-index", "overflow-x", "white-space", "transform",
    "filter", "list-style-type", "fill", "stroke", "direction", "accent-color", "box-shadow", "clip-path",
  ];
  const PSEUDO = ["content", "color", "background-color", "display"];
  const found = {};
  const place = (path, field, value) => { found[`${path} ${field}`] = value; };
  const isNote = ({ name }) => /^(_?on|rr_|data-rr|data-afterimage)/.test(name);
  const isOutside = (node) =>
    ["SCRIPT", "NOSCRIPT", "STYLE", "LINK", "META", "TITLE", "BASE", "HEAD"].includes(node.tagName?.toUpperCase()) ||
    node.nodeType > 3 && node.nodeType !== 9 || node.nodeType === 7;
  // Of a document: nothing else has an address that depends on it.
  const address = (node, value) => {
    if (value.includes("#")) return value.slice(value.indexOf("#"));
    try { return new URL(value, node.ownerDocument.baseURI).href } catch { return value }
  };
  const attributes = (element, path) => {
    for (const attribute of element.attributes) {
      const name = attribute.name.toLowerCase();
      let { value } = attribute;
      if (isNote(attribute) || ["value", "checked", "selected", "open", "muted", "nonce", "xmlns", "srcset"].includes(name)) continue;
      if (/^(iframe|frame|object|embed)$/i.test(element.tagName) && /^(src|srcdoc|data|type|sandbox)$/.test(name)) continue;
      if (name === "class") value = value.split(/\s+/).filter((word) => word && !/^(:hover|rrweb-paused)$/.test(word)).join(" ");
      if (name === "style") {
        const copy = element.ownerDocument.createElement("i");
        copy.style.cssText = value;
        copy.style.removeProperty("content");
        value = copy.style.cssText;
      }
      if (/^(href|src|xlink:href|action|formaction|poster|background|cite|longdesc)$/.test(name)) value = value && address(element, value);
      if (value === "" && (name === "class" || name === "style")) continue;
      if (name === "autocomplete" && value === "off") continue;
      place(path, `@${attribute.name}`, value);
      if (attribute.namespaceURI) place(path, `@${attribute.name} namespace`, attribute.namespaceURI);
    }
  };
  const properties = (element, path) => {
    const tag = element.localName;
    const put = (field, value) => place(path, field, value);
    if (["input", "textarea", "select", "output", "progress", "meter"].includes(tag)) put("value", element.value);
    if (tag === "input") put("checked", element.checked);
    if (tag === "input" && element.type === "checkbox") put("indeterminate", element.indeterminate);
    if (tag === "option") put("selected", element.selected);
    if (tag === "details") put("open", element.open);
    if (tag === "dialog") put("open", element.open ? (element.matches(":modal") ? "modal" : "open") : "closed");
    if (element.hasAttribute("popover")) put("popover", element.matches(":popover-open"));
    if (tag === "audio" || tag === "video") {
      for (const name of ["paused", "muted", "volume", "loop"]) put(name, element[name]);
      if (element.paused) put("time", Math.round(element.currentTime * 10) / 10);
    }
    if (element.scrollLeft !== 0 || element.scrollTop !== 0) put("scroll", [element.scrollLeft, element.scrollTop].map(Math.round).join());
    const view = element.ownerDocument.defaultView;
    const style = view.getComputedStyle(element);
    for (const name of STYLES) put(name, style.getPropertyValue(name).replace(/url\("?http[^)]*\/([^)"/]*)"?\)/g, "url($1)"));
    if (tag !== "canvas" && !["option", "optgroup"].includes(tag)) {
      for (const pseudo of ["::before", "::after"]) {
        const inner = view.getComputedStyle(element, pseudo);
        const content = inner.getPropertyValue("content");
        if (content !== "none" && content !== "normal") put(pseudo, PSEUDO.map((name) => inner.getPropertyValue(name)).join(" "));
      }
    }
    const box = element.getBoundingClientRect();
    put("box", [box.left, box.top, box.width, box.height].map(Math.round).join());
  };
  const children = (node, path) => {
    const counts = {};
    let text = "";
    const flush = () => {
      const words = text.replace(/\s+/g, " ").trim();
      text = "";
      if (words !== "") {
        counts.text = (counts.text ?? 0) + 1;
        place(`${path}/text${counts.text}`, "text", words);
      }
    };
    for (const child of node.childNodes) {
      if (child.nodeType === 3 || child.nodeType === 4) { text += child.data; continue; }
      if (isOutside(child)) continue;
      if (child.nodeType !== 1) continue;
      flush();
      const tag = child.localName;
      counts[tag] = (counts[tag] ?? 0) + 1;
      walk(child, `${path}/${tag}${counts[tag] > 1 ? counts[tag] : ""}`);
    }
    flush();
  };
  const walk = (element, path) => {
    const tag = element.localName;
    place(path, "element", element.namespaceURI.split("/").pop());
    attributes(element, path);
    properties(element, path);
    if (element.shadowRoot) {
      place(`${path}#shadow`, "shadow", true);
      children(element.shadowRoot, `${path}#shadow`);
    }
    if (tag === "iframe" || tag === "frame") {
      let inner = null;
      try { inner = element.contentDocument } catch {}
      if (inner?.documentElement) ofDocument(inner, `${path}#document`);
      return;
    }
    if (["textarea", "object", "canvas", "audio", "video"].includes(tag)) return;
    children(element, path);
  };
  const ofDocument = (doc, path) => {
    place(path, "mode", doc.compatMode);
    const { scrollX, scrollY } = doc.defaultView;
    place(path, "scroll", [scrollX, scrollY].map(Math.round).join());
    walk(doc.documentElement, `${path}html`);
  };
  ofDocument(root, "");
  return JSON.stringify(found);
}"""
"""Script: the visible state of a document and of all documents in it, as JSON of values by "path field"."""


def differences(recorded: dict[str, object], replayed: dict[str, object]) -> list[str]:
    """Returns a line for each value that differs; one for each element that only one of them has."""
    lines = []
    for name in [*recorded, *(name for name in replayed if name not in recorded)]:
        path, _, field = name.partition(" ")
        is_in_both = f"{path} element" in recorded and f"{path} element" in replayed
        one, other = recorded.get(name), replayed.get(name)
        if one != other and not _is_close(name, one, other) and (is_in_both or field in ("element", "text", "mode")):
            lines.append(f"{name}: {one!r} -> {other!r}")
    return lines


def pictures_differ(recorded: bytes, replayed: bytes) -> list[str]:
    """Returns a line if two screenshots differ where a visitor would see it."""
    one, other = (Image.open(io.BytesIO(picture)).convert("RGB") for picture in (recorded, replayed))
    if one.size != other.size:
        return [f"picture: {one.size} -> {other.size}"]
    largest = ImageChops.difference(one, other).point(lambda value: 255 if value > COLOUR_TOLERANCE else 0)
    mask = largest.convert("L").point(lambda value: 255 if value else 0)
    count = mask.histogram()[255]
    return [] if count <= MOST_PIXELS else [f"picture: {count} pixels in {mask.getbbox()}"]


def _is_close(name: str, one: object, other: object) -> bool:
    """Whether two boxes or positions are the same to a pixel."""
    if not (name.endswith((" box", " scroll")) and isinstance(one, str) and isinstance(other, str)):
        return False
    pairs = zip(one.split(","), other.split(","), strict=True)
    return all(abs(int(first) - int(second)) <= 1 for first, second in pairs)
