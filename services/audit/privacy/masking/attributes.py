"""Attributes of elements: those that may hold a value, and those that stay on masked elements.

On a masked element everything is masked that is not on one of the lists: any attribute may hold text, above all those
of web components and of frameworks.
"""

from __future__ import annotations

import re
from typing import Final

VALUE_ATTRIBUTES: Final = frozenset(
    """
    value aria-valuetext data-value current-value currentvalue model-value modelvalue default-value defaultvalue
    initial-value input-value inputvalue ng-reflect-model ng-reflect-value data-input-value data-initial-value
    data-default-value data-original-value data-current-value data-raw-value search-value selected-value
    selectedvalue
    """.split()
)
"""Attributes that repeat the value of a field: of form fields, of web components, and of frameworks."""

SURE_VALUES: Final = VALUE_ATTRIBUTES - {"data-value", "selected-value", "selectedvalue"}
"""Those that make any element a field. The others are as often the key of an option."""

NUMBER_TAGS: Final = frozenset({"li", "progress", "meter"})
"""Elements with a `value` that is a number and not entered."""

KIND_ATTRIBUTES: Final = (
    *("type", "data-type", "input-type", "inputtype", "data-input-type", "field-type", "data-field-type"),
    *("inputmode", "data-inputmode"),
)
"""Attributes with the type of a field."""

ROLES: Final = frozenset({"textbox", "searchbox", "combobox", "spinbutton"})
"""Roles of elements with text that a visitor entered (WAI-ARIA 1.2)."""

VALUE_ROLES: Final = ROLES | {"slider"}

LAYOUT_ATTRIBUTES: Final = frozenset(
    """
    class d points transform gradientTransform patternTransform viewBox width height rr_width rr_height
    rr_scrollTop rr_scrollLeft x y x1 x2 y1 y2 cx cy r rx ry
    """.split()
)
"""Attributes that define the layout of elements of HTML and SVG: never changed by rules. Web components may use them
for anything."""

ANIMATION_ATTRIBUTES: Final = frozenset({"offset", "keyTimes", "values"})
ANIMATION_TAGS: Final = frozenset(
    """
    animate animatetransform animatemotion animatecolor set fecolormatrix stop fefunca fefuncr fefuncg fefuncb
    femerge fecomponenttransfer
    """.split()
)
"""Elements on which `ANIMATION_ATTRIBUTES` define the layout, too."""

_KEPT = (
    LAYOUT_ATTRIBUTES
    | ANIMATION_ATTRIBUTES
    | frozenset(
        """
    type rel as media sizes charset http-equiv dir lang hidden disabled checked selected readonly required
    multiple open inert popover tabindex role autofocus colspan rowspan span scope start reversed cols rows size
    wrap min max step maxlength minlength low high optimum autocomplete inputmode spellcheck translate draggable
    contenteditable method enctype novalidate align valign bgcolor color border cellpadding cellspacing nowrap
    face hspace vspace frameborder scrolling marginwidth marginheight autoplay controls loop muted playsinline
    preload loading decoding crossorigin fetchpriority referrerpolicy allowfullscreen shape slot xmlns
    xmlns:xlink xml:space version preserveAspectRatio fill stroke opacity fill-opacity fill-rule clip-rule
    stroke-width stroke-linecap stroke-linejoin stroke-opacity stroke-dasharray stroke-dashoffset
    stroke-miterlimit vector-effect shape-rendering stop-color stop-opacity gradientUnits patternUnits
    clipPathUnits maskUnits filterUnits maskContentUnits patternContentUnits primitiveUnits spreadMethod
    pathLength dx dy fx fy refX refY orient markerWidth markerHeight markerUnits text-anchor font-size
    font-weight font-family font-style dominant-baseline letter-spacing display visibility overflow in in2
    result mode stdDeviation operator k1 k2 k3 k4 dur begin repeatCount repeatDur calcMode keySplines
    attributeName attributeType additive from flood-color flood-opacity baseFrequency numOctaves seed
    color-interpolation-filters enable-background focusable data-afterimage rr_mediaState rr_mediaCurrentTime
    rr_mediaPlaybackRate rr_mediaMuted rr_mediaLoop rr_mediaVolume rr_open_mode rr_dataURL
    """.split()
    )
)
"""Attributes that stay on a masked element: they define its box, its state, and how it is drawn."""

_KEPT_ON_COMPONENTS = frozenset(
    """
    class hidden disabled dir lang slot tabindex role data-afterimage rr_width rr_height rr_scrollTop
    rr_scrollLeft open checked selected
    """.split()
)
"""The same for web components, which may use other attributes for anything."""

_WORDS = frozenset(
    """
    type rel as charset http-equiv dir lang scope role wrap method enctype align valign slot shape result in in2
    mode attributeName attributeType popover autocomplete inputmode preload loading decoding crossorigin orient
    rr_mediaState rr_open_mode contenteditable spellcheck translate draggable hidden disabled checked selected
    readonly required multiple open controls loop muted
    """.split()
)
_NUMBERS = frozenset(
    """
    d points transform gradientTransform patternTransform viewBox width height rr_width rr_height rr_scrollTop
    rr_scrollLeft x y x1 x2 y1 y2 cx cy r rx ry offset keyTimes tabindex colspan rowspan span start cols rows
    size min max step maxlength minlength low high optimum border cellpadding cellspacing hspace vspace
    frameborder marginwidth marginheight opacity fill-opacity stroke-width dx dy stroke-opacity stroke-dasharray
    stroke-dashoffset stroke-miterlimit stdDeviation seed baseFrequency numOctaves k1 k2 k3 k4 keySplines
    pathLength repeatCount version rr_mediaCurrentTime rr_mediaPlaybackRate rr_mediaVolume from
    """.split()
)
_IS_WORDS = re.compile(r"[\w./+:-]{0,40}(?:\s+[\w./+:-]{1,40}){0,3}\s*", re.ASCII)
_IS_NUMBERS = re.compile(
    r"(?:matrix|translate|scale|rotate|skew[XY]|indefinite|auto|none|deg|px|r?em|vw|vh|pt|[\d\s.,;()%+-]|[eE](?=[\d+-])"
    r"|[mMlLhHvVcCsSqQtTaAzZ])*+"
)

REFERENCES: Final = frozenset(
    """
    id name for form list headers itemid itemref aria-labelledby aria-describedby aria-controls aria-owns
    aria-details aria-errormessage aria-flowto aria-activedescendant popovertarget commandfor anchor contextmenu
    """.split()
)
"""Ids and references to ids, which get pseudonyms: references and CSS still apply, and radio buttons stay groups."""

STYLES: Final = frozenset({"style", "_cssText"})
DRAWN: Final = frozenset({"clip-path", "mask", "filter", "marker-start", "marker-mid", "marker-end", "cursor"})
"""Attributes of SVG with values as in CSS, often references; so may `fill` and `stroke` be."""

_ARIA_STATES = frozenset(
    [
        "true",
        "false",
        "mixed",
        "page",
        "step",
        "polite",
        "assertive",
        "off",
        "horizontal",
        "vertical",
        "undefined",
        "location",
        "date",
        "time",
        "menu",
        "listbox",
        "tree",
        "grid",
        "dialog",
        "none",
        "ascending",
        "descending",
        "other",
        "inline",
        "both",
        "list",
        "grammar",
        "spelling",
        "",
    ]
)
"""Values of aria attributes that are states, not text (WAI-ARIA 1.2)."""

_ARIA_NUMBERS = frozenset(
    """
    aria-level aria-posinset aria-setsize aria-colcount aria-colindex aria-colspan aria-rowcount aria-rowindex
    aria-rowspan aria-valuemin aria-valuemax
    """.split()
)


STARRED_ONCE: Final = "data-rr-is-password"
"""Set by rrweb on a field that once had the type password (rrweb-snapshot utils.ts)."""


def is_component(tag: str) -> bool:
    """Returns whether a tag is that of a web component (a custom element)."""
    return "-" in tag


def keeps(tag: str, name: str, value: object, plain: dict[str, object]) -> bool:
    """Returns whether an attribute of a masked element stays as it is.

    Args:
        tag: The element's tag in lower case; "": unknown, since only an attribute changes.
        name: The attribute.
        value: Its value.
        plain: All attributes.
    """
    if value is None or isinstance(value, bool) or value == "" or name == STARRED_ONCE:
        return True
    if not isinstance(value, str | int | float):
        return False  # a list or an object: no recorder makes those, and texts can hide in them
    if name.startswith("aria-"):
        is_number = name in _ARIA_NUMBERS and (not isinstance(value, str) or value.strip("-").isdigit())
        return is_number or value in _ARIA_STATES
    if tag == "meta" and name in {"name", "content"}:
        return str(plain.get("name", "")).strip().lower() == "viewport"
    if tag == "link" and name == "href":
        return "stylesheet" in str(plain.get("rel", "")).lower().split()
    return name in (_KEPT_ON_COMPONENTS if is_component(tag) else _KEPT) and _has_form(name, value)


def _has_form(name: str, value: object) -> bool:
    """Returns whether the value of an attribute that stays has a form in which text cannot hide."""
    if not isinstance(value, str):
        return True
    if name in _NUMBERS:
        return _IS_NUMBERS.fullmatch(value) is not None
    return name not in _WORDS or _IS_WORDS.fullmatch(value) is not None


KEPT_IN_SELECTORS: Final = (
    _KEPT
    | frozenset(
        ["aria-" + name for name in ("expanded", "hidden", "selected", "checked")]
        + ["aria-current", "aria-disabled", "aria-pressed", "aria-busy", "aria-invalid", "aria-orientation"]
    )
) - {"data-afterimage"}
"""Attributes with values that stay in the selectors of CSS."""
