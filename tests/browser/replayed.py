"""A recording in rrweb's own Replayer, and outlines of documents to compare it with the page."""

from __future__ import annotations

import json

from support import web

OUTLINE = """(root) => {
  const outline = (node) => {
    if (node.nodeType === 3) return node.data.trim() === "" ? [] : [node.data.replace(/\\s+/g, " ").trim()];
    if (node.nodeType !== 1 || node.tagName === "SCRIPT" || node.tagName === "NOSCRIPT") return [];
    const attributes = [...node.attributes]
      .filter(({name}) => !/^(href|src|style|value|data-rr|rr_)/.test(name))
      .map(({name, value}) => [name, name === "class" ? value.replace(/\\s*:hover\\s*/g, "").trim() : value])
      .filter(([name, value]) => name !== "class" || value !== "")
      .map((each) => each.join("="))
      .sort();
    const path = node.href ? [new URL(node.href.baseVal ?? node.href, "http://x/").pathname] : [];
    return [[node.tagName.toLowerCase(), ...path, attributes, [...node.childNodes].flatMap(outline)]];
  };
  return outline(root.body);
}"""
"""Script: the contents of a document's body, apart from unrecorded ones."""


async def replayed(context, events):
    """Returns the outline of the end of a recording, in a tab that has nothing else."""
    viewer = await context.new_page()
    await viewer.add_script_tag(path=web.WEB / "node_modules" / "rrweb" / "dist" / "rrweb.umd.min.cjs")
    outline = await viewer.evaluate(
        f"""async (text) => {{
          const player = new rrweb.Replayer(JSON.parse(text), {{useVirtualDom: false, mouseTail: false}});
          player.pause(player.getMetaData().totalTime + 1);
          await new Promise((done) => setTimeout(done, 300));
          return JSON.stringify(({OUTLINE})(player.iframe.contentDocument));
        }}""",
        json.dumps(events),  # as one text, as the outline: Playwright checks each value of anything else
    )
    await viewer.close()
    return json.loads(outline)
