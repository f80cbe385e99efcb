"""Text in CSS: generated content, values in selectors, addresses and comments. Everything that lays a page out stays.

Applied to the styles of masked elements, and to all CSS if all text is masked. Ids in selectors get the pseudonyms that
the ids of elements get, so that the rules still apply.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.audit.privacy.masking.addresses import hide_path, is_pseudonym

if TYPE_CHECKING:
    from services.audit.privacy.masking.addresses import Pseudonym

_TOKEN = re.compile(
    r"(?P<comment>/\*(?:[^*]|\*(?!/))*(?:\*/)?)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?)"
    r"|(?P<url>\burl\(\s*(?:\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[^\"')]*)\s*\)?)"
    r"|(?P<end>[{};])|(?P<hash>#[\w\\-]+)|(?P<equals>=\s*)(?P<bare>[\w-]+)",
    re.DOTALL | re.IGNORECASE,
)
_BARE = re.compile(r"[\w\s:;.,%()!+-]*")
"""Declarations without anything that may be text, but for addresses and custom properties."""

_ATTRIBUTE = re.compile(r"\[\s*(?:[\w-]*\|)?([\w-]+)\s*[~|^$*]?=?\s*\Z")
_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})\s?|(.))", re.DOTALL)
_KEPT_STRINGS = frozenset(
    """
    font-family font src grid-template-areas grid-template grid font-feature-settings font-variation-settings
    syntax format unicode-range
    """.split()
)
"""Properties with strings that are names of fonts and of parts of the layout."""

_PLAIN_VALUE = re.compile(
    r"(?:[\s,/()+*.%-]|#[0-9a-f]{3,8}\b|\d[\d.]*(?:[a-z]{1,4})?|url\([^)]*\)|(?:var\(\s*--[\w-]+|calc|rgba?|hsla?|min|max|"
    r"clamp|env|translate[xyz]?|scale[xyz]?|rotate[xyz]?|cubic-bezier|matrix)(?=\s*[(,)])"
    r"|(?:none|auto|inherit|initial|unset|normal|transparent|currentcolor|block|inline|flex|grid|hidden|visible|solid|"
    r"dashed|dotted|left|right|top|bottom|center|start|end|bold|black|white|red|green|blue|gr[ae]y|yellow|orange|"
    r"ease|linear|ease-in|ease-out|ease-in-out|important|!important)\b|\"\*\*\*\"|\*\*\*|\"\"|'')*+\Z",
    re.IGNORECASE,
)
"""Values of custom properties that are lengths, colours and the like."""


def hide_text(css: str, pseudonym: Pseudonym, kept_attributes: frozenset[str], *, is_declarations: bool = False) -> str:
    """Returns CSS without its text.

    Args:
        css: A stylesheet or a rule; need not be valid.
        pseudonym: Returns the pseudonym of an id.
        kept_attributes: Attributes of masked elements with values that stay, also in selectors.
        is_declarations: Whether it is the content of a `style` attribute.
    """
    if is_declarations and _BARE.fullmatch(css) and "--" not in css and "url(" not in css.lower():
        return css
    out: list[str] = []
    segment: list[tuple[str, str]] = []
    at = 0
    for match in _TOKEN.finditer(css):
        if match.start() > at:
            segment.append(("", css[at : match.start()]))
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "bare":
            segment += [("", match["equals"]), ("bare", match["bare"])]
        elif kind == "end":
            out += _segment(segment, match[0], pseudonym, kept_attributes, is_inline=is_declarations)
            out.append(match[0])
            segment.clear()
        else:
            segment.append((kind, match[0]))
    if at < len(css):
        segment.append(("", css[at:]))
    out += _segment(segment, "", pseudonym, kept_attributes, is_inline=is_declarations)
    return "".join(out)


def _segment(
    tokens: list[tuple[str, str]], end: str, pseudonym: Pseudonym, kept: frozenset[str], *, is_inline: bool
) -> list[str]:
    """Returns the masked tokens of a declaration, of a rule's selectors, or of an at-rule's beginning."""
    plain = "".join(text for kind, text in tokens if kind in {"", "bare"}).lstrip()
    if plain.startswith("@"):
        return ["/**/" if kind == "comment" else text for kind, text in tokens]
    if end == "{":
        return _selectors(tokens, pseudonym, kept)
    name, colon, _ = plain.partition(":")
    name = name.strip().lower()
    hidden: list[str] = []
    for kind, text in tokens:
        if kind == "comment":
            hidden.append("/**/")
        elif kind == "string" and name not in _KEPT_STRINGS:
            hidden.append(_string(text))
        elif kind == "url" and name != "src":
            hidden.append(_url(text, pseudonym))
        else:
            hidden.append(text)
    if is_inline and colon and name.startswith("--"):
        before, colon, value = "".join(hidden).partition(":")
        return [before, colon, value if _PLAIN_VALUE.match(value) else "***"]
    return hidden


def _selectors(tokens: list[tuple[str, str]], pseudonym: Pseudonym, kept: frozenset[str]) -> list[str]:
    hidden: list[str] = []
    before = ""
    for kind, text in tokens:
        masked = text
        if kind == "comment":
            masked = "/**/"
        elif kind == "hash":
            masked = text if is_pseudonym(text[1:]) else "#" + pseudonym(_unescaped(text[1:]))
        elif kind in {"string", "bare"} and (attribute := _ATTRIBUTE.search(before)) is not None:
            value = _unescaped(text.strip("\"'"))
            if attribute[1].lower() not in kept and not is_pseudonym(value):
                masked = f'"{pseudonym(value)}"'
        hidden.append(masked)
        before = (before + masked)[-256:]
    return hidden


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = int(match[1], 16) if match[1] else 0
        return match[2] or (chr(code) if 0 < code < 0x11_0000 and not 0xD800 <= code < 0xE000 else "\ufffd")

    return _ESCAPE.sub(character, text)


def _string(text: str) -> str:
    """Returns a string's mask; glyphs of icon fonts and decoration have no letters and digits, and stay."""
    inner = _unescaped(text[1:].removesuffix(text[0]))
    if not any(map(str.isalnum, inner)):
        return text
    return '"***"'


def _url(text: str, pseudonym: Pseudonym) -> str:
    inner = text[4:].removesuffix(")").strip().strip("\"'")
    if inner.lower().startswith("data:"):
        return text if ";base64," in inner else "url()"
    return f'url("{hide_path(_unescaped(inner), pseudonym, frozenset())}")'.replace("\n", "") if inner else text
