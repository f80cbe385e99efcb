"""Distinguishes names that people give from those of programs, which differ between visits or builds."""

from __future__ import annotations

import re
from functools import lru_cache

_FRAMEWORKS = re.compile(
    r":r[0-9a-z]+:|«r[0-9a-z]+»|^_r_[0-9a-z]+_|^(?:select2|downshift|radix)-"  # React's useId, and libraries
    r"|^(?:radix|headlessui|react-aria|react-select|reach|downshift|floating-ui|rc_|mui|mat|cdk|ember|ext-gen|"
    r"yui_|gwt-uid|__bvid__|select2|tippy|popper|uid|uniqueid|uniq|dijit_|ui-id|cke_|mce_|vs\d|el-id|tinymce|"
    r"docs-internal-guid|chakra|mantine|ant-|rrweb|v-|input|field|menu|tab|tabs|panel|dropdown|accordion|ng|"
    r"pressable|lightning|auraid|wixui|comp|yith|gform|collapse|item|node|id|el|element|auto|gen|tmp|temp|row|cell)"
    r"[-_:]?(?:[a-z-]*[-_:])?\d",
    re.IGNORECASE,
)
"""Ids that libraries number: they change with what else was drawn before."""

_LETTERS = re.compile(r"[^\W\d_]{2}")
_BASE64 = re.compile(r"[=+]")
_LONG_NUMBER = re.compile(r"\d{3,}")
_MANY_DIGITS = re.compile(r"\d(?:.*\d){3}")
_HEX = re.compile(r"^(?=[^\d]*\d)(?=\d*[a-f])[0-9a-f]{5,}$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_DIGIT_INSIDE = re.compile(r"[a-z]\d+[a-z]|^\d+[a-z]{1,2}\d", re.IGNORECASE)
_WORDS = re.compile(r"[-_:./\s]+")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NO_VOWEL = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}", re.IGNORECASE)

_STATES = re.compile(
    r"^(?:is|has|ng|was|not|no)-|^v-(?:enter|leave|move)|"
    r"^_?(?:active|open|opened|closed|selected|checked|hover|hovered|focus|focused|"
    r"focus-visible|focus-within|disabled|enabled|show|shown|showing|visible|hidden|hide|collapsed|collapsing|"
    r"expanded|loading|loaded|pressed|current|highlighted|dragging|sorted|asc|desc|error|invalid|valid|dirty|touched|"
    r"untouched|pristine|editing|completed|done|first|last|odd|even|in|out|fade|fadein|fadeout|on|off|new|today|"
    r"undefined|null|nan|"
    r"animated|animating|entered|entering|exited|exiting|sticky|stuck|scrolled|visited|filled|empty|"
    r"[a-z-]*-(?:active|open|opened|closed|selected|checked|hover|focus|focused|focus-visible|disabled|enabled|"
    r"visible|hidden|collapsed|expanded|loading|loaded|pressed|current|dragging|enter|leave|enter-active|"
    r"leave-active|enter-from|leave-to|sticky|empty|filled|scrolled))$"
    r"|--(?:active|open|opened|closed|selected|checked|hover|focus|focused|disabled|visible|hidden|collapsed|expanded|"
    r"loading|loaded|current|is-\w+|has-\w+)$|^(?:active|selected|open|disabled)-",
    re.IGNORECASE,
)
"""Classes of an element's state, which changes."""

_UTILITIES = re.compile(
    r"[:/\[\]@!%()=,.#&>*+]"
    r"|^-?(?:m|p)[trblxyse]?-|^-?(?:m|p)[trblxy]?\d"
    r"|^-?(?:w|h|min-w|max-w|min-h|max-h|size|gap|gap-x|gap-y|space-x|space-y|inset|inset-x|inset-y|top|left|right|"
    r"bottom|z|order|cols?|rows?|grid|flex|basis|grow|shrink|justify|items|content|self|place|text|font|fs|fw|lh|"
    r"leading|tracking|bg|border|rounded|shadow|opacity|ring|divide|outline|fill|stroke|cursor|select|user-select|"
    r"overflow|overscroll|object|aspect|transition|duration|ease|delay|animate|transform|scale|rotate|translate|"
    r"origin|d|float|align|position|pointer-events|whitespace|break|line-clamp|from|to|via|backdrop|blur|scroll|"
    r"snap|touch|will-change|list|decoration|underline-offset|indent|mix-blend|columns|clearfix|offset|g|gx|gy)-"
    r"|^(?:flex|grid|block|inline|inline-block|inline-flex|hidden|contents|table|absolute|relative|fixed|sticky|static|"
    r"visible|invisible|isolate|italic|not-italic|underline|no-underline|line-through|uppercase|lowercase|capitalize|"
    r"normal-case|truncate|antialiased|sr-only|not-sr-only|container|row|col|group|peer|transition|transform|border|"
    r"rounded|shadow|grow|shrink|ring|outline|resize|clearfix|pull-left|pull-right|lead|small|bold|left|right|center|"
    r"middle|top|bottom|w|h|start|end|cf|visually-hidden|bordered|mx|my|float-left|float-right|unselectable|notranslate|"
    r"rr-block|rr-mask|rr-ignore)$",
    re.IGNORECASE,
)
"""Classes of an element's looks (Tailwind, Bootstrap): many elements share them."""

_MODULE_HASH = re.compile(r"^(.{2,}?(?:__|--|_{3}|-))([A-Za-z0-9+_]{5,8})$")
"""A class of CSS modules: a name that people gave, and a hash."""

_LIBRARY_CLASS = re.compile(
    r"^(?:css|sc|jsx|emotion|jss|makeStyles|withStyles|svelte|astro|data-v|_ngcontent|_nghost|ng-tns|cdk|tss|glamor|"
    r"styled|linaria|stitches|vanilla|c|e)-[A-Za-z0-9]*|^jss\d+$|^r-[a-z0-9]{5,}$",
)
"""Classes of libraries that write style sheets from code."""

_LIBRARY_WORD = re.compile(r"^[ce](?:-[a-z]{3,})+$")
"""Names that only begin like those: `c-button` is a convention of people (ITCSS)."""


@lru_cache(4096)
def is_generated(name: str) -> bool:
    """Returns whether a program made an id, or a value of a test attribute."""
    if not name or len(name) > 64 or _UUID.search(name) or _FRAMEWORKS.search(name):
        return True
    if (
        "=" in name
        or "+" in name
        or _LONG_NUMBER.search(name)
        or _MANY_DIGITS.search(name)
        or not _LETTERS.search(name)
    ):
        return True
    return any(_is_random(word) for word in _WORDS.split(name))


@lru_cache(4096)
def stable_class(name: str) -> str:
    """Returns the part of a class that is the same in other visits and of few elements; "": there is no such part.

    A part that is shorter than the class is its beginning: CSS modules add a hash.
    """
    if not name or len(name) > 64 or _STATES.search(name) or _UTILITIES.search(name):
        return ""
    if _LIBRARY_CLASS.search(name) and not _LIBRARY_WORD.search(name):
        return ""
    if (split := _MODULE_HASH.match(name)) is not None and _is_hash(split[2]):
        return "" if is_generated(split[1].rstrip("_-")) else split[1]
    return "" if is_generated(name) else name


def _is_hash(word: str) -> bool:
    return _is_random(word) or (any(map(str.isdigit, word)) and any(map(str.isalpha, word)))


def _is_random(word: str) -> bool:
    """Returns whether a word looks like a hash: digits among letters, capitals anywhere, no vowels."""
    if len(word) < 5:
        return False
    if _HEX.match(word) or _DIGIT_INSIDE.search(word) or _NO_VOWEL.search(word):
        return True
    humps = _HUMPS.findall(word)
    return len(humps) >= 3 and len(word) / len(humps) < 2.5
