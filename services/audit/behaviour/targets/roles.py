"""ARIA roles of elements, and which elements a visitor can act on.

Sources: WAI-ARIA 1.2 (roles), HTML-AAM 1.0 (roles of HTML elements).
"""

from __future__ import annotations

from services.audit.behaviour.targets.traits import Attributes, by_traits

WIDGETS = frozenset(
    {
        *("button", "checkbox", "combobox", "gridcell", "link", "listbox", "menuitem", "menuitemcheckbox"),
        *("menuitemradio", "option", "radio", "scrollbar", "searchbox", "slider", "spinbutton", "switch", "tab"),
        *("textbox", "treeitem"),
    }
)
"""Roles of elements that a visitor acts on."""

_STRUCTURE = frozenset(
    {
        *("alert", "alertdialog", "application", "article", "banner", "blockquote", "caption", "cell", "code"),
        *("columnheader", "complementary", "contentinfo", "definition", "deletion", "dialog", "directory"),
        *("document", "emphasis", "feed", "figure", "form", "generic", "grid", "group", "heading", "img", "image"),
        *("insertion", "list", "listitem", "log", "main", "marquee", "math", "menu", "menubar", "meter"),
        *("navigation", "none", "note", "paragraph", "presentation", "progressbar", "radiogroup", "region", "row"),
        *("rowgroup", "rowheader", "search", "separator", "status", "strong", "subscript", "superscript"),
        *("table", "tablist", "tabpanel", "term", "time", "timer", "toolbar", "tooltip", "tree", "treegrid"),
    }
)

NAMED_BY_CONTENT = frozenset(
    {
        *("button", "cell", "checkbox", "columnheader", "gridcell", "heading", "link", "menuitem"),
        *("menuitemcheckbox", "menuitemradio", "option", "radio", "row", "rowheader", "switch", "tab", "tooltip"),
        "treeitem",
    }
)
"""Roles that allow a name from content (WAI-ARIA 1.2, section 5.2.8.4)."""

BUTTON_INPUTS = frozenset({"button", "submit", "reset", "image"})
"""Types of `input` that are buttons."""

_INPUT_ROLES = {
    **dict.fromkeys(BUTTON_INPUTS, "button"),
    **dict.fromkeys(("password", "hidden", "color", "date", "datetime-local", "month", "time", "week", "file"), ""),
    "checkbox": "checkbox",
    "radio": "radio",
    "range": "slider",
    "number": "spinbutton",
    "search": "searchbox",
}
"""By type; others are text boxes."""

_TAG_ROLES = {
    "article": "article",
    "aside": "complementary",
    "blockquote": "blockquote",
    "button": "button",
    "code": "code",
    "dd": "definition",
    "details": "group",
    "dialog": "dialog",
    "dt": "term",
    "fieldset": "group",
    "figure": "figure",
    "form": "form",
    "h1": "heading",
    "h2": "heading",
    "h3": "heading",
    "h4": "heading",
    "h5": "heading",
    "h6": "heading",
    "hr": "separator",
    "li": "listitem",
    "main": "main",
    "menu": "list",
    "meter": "meter",
    "nav": "navigation",
    "ol": "list",
    "optgroup": "group",
    "option": "option",
    "output": "status",
    "p": "paragraph",
    "progress": "progressbar",
    "search": "search",
    "table": "table",
    "tbody": "rowgroup",
    "td": "cell",
    "textarea": "textbox",
    "tfoot": "rowgroup",
    "thead": "rowgroup",
    "time": "time",
    "tr": "row",
    "ul": "list",
}

_ACTED_ON = frozenset({"button", "select", "textarea", "summary", "option", "label"})


def _role(tag: str, attributes: Attributes) -> str:  # noqa: PLR0911 - one per kind of element
    for token in attributes.get("role", "").lower().split():
        if token in WIDGETS or token in _STRUCTURE:
            return "" if token in {"none", "presentation", "generic"} else token
    if tag in {"a", "area"}:
        return "link" if _has_href(attributes) else ""
    if tag == "input":
        role = _INPUT_ROLES.get(_type_of(attributes), "textbox")
        return "combobox" if role in {"textbox", "searchbox"} and "list" in attributes else role
    if tag == "select":
        return (
            "listbox" if "multiple" in attributes or attributes.get("size", "1") not in {"", "0", "1"} else "combobox"
        )
    if tag == "img":
        return "" if attributes.get("alt") == "" else "img"
    if tag == "th":
        return "rowheader" if attributes.get("scope") in {"row", "rowgroup"} else "columnheader"
    return _TAG_ROLES.get(tag, "")


def acts(tag: str, attributes: Attributes) -> bool:
    """Returns whether an element is there to be acted on: by its kind, its role, or a listener in its attributes."""
    if tag == "input":
        return _type_of(attributes) != "hidden"
    return (
        tag in _ACTED_ON
        or _role(tag, attributes) in WIDGETS
        or "onclick" in attributes
        or (tag in {"audio", "video"} and "controls" in attributes)
        or attributes.get("contenteditable", "false").lower() in {"", "true", "plaintext-only"}
        or (attributes.get("tabindex", "-1").strip().isdecimal() and tag not in {"body", "html", "iframe"})
    )


def _takes_label(tag: str, attributes: Attributes) -> bool:
    if tag == "input":
        return _type_of(attributes) != "hidden"
    return tag in {"button", "meter", "output", "progress", "select", "textarea"} or "-" in tag


def is_button(tag: str, attributes: Attributes) -> bool:
    """Returns whether an element is an `input` that is a button: its value is its label, and no visitor wrote it."""
    return tag == "input" and _type_of(attributes) in BUTTON_INPUTS


role_of = by_traits(_role)
"""Returns an element's role: that of its attribute, or else that of the element; "": it has no role."""

is_interactive = by_traits(acts)
"""Returns whether an element is there to be acted on, as `acts`."""

is_labelable = by_traits(_takes_label)
"""Returns whether a `label` can name the element (HTML, 4.10.2)."""

is_button_input = by_traits(is_button)
"""Returns whether the element is an `input` that is a button, as `is_button`."""


def _type_of(attributes: Attributes) -> str:
    return attributes.get("type", "").strip().lower()


def _has_href(attributes: Attributes) -> bool:
    return "href" in attributes or "xlink:href" in attributes
