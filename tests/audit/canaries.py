"""Plants values that must never be stored: one of every rule in every field of a recording that holds text.

`plant` takes the events of any recording and returns them with canaries added; `leaks` finds canaries in
bytes of any kind: storage, logs, dumps, exports. Each value is in one place only, so a leak names its field.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import re2
from stdnum import luhn

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Canary:
    rule: str
    field: str
    value: str


def _iban(number: int) -> str:
    account = f"37040044{number:010d}"
    check = 98 - int(account + "131400") % 97  # ISO 13616: DE is 1314, check digits 00
    return f"DE{check:02d}{account}"


def _zone(number: int) -> str:
    """Returns the line of a passport with its number, birth and expiry, each with its check digit."""

    def checked(field: str) -> str:
        values = [0 if each == "<" else int(each, 36) for each in field]
        return f"{field}{sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10}"

    return f"{checked(f'CAN{number:06d}')}UTO{checked('740812')}F{checked('310415')}<<<<<<<<<<<<<<04"


def _groups(text: str, *sizes: int) -> list[str]:
    return [text[sum(sizes[:place]) : sum(sizes[: place + 1])] for place in range(len(sizes))]


def _wide(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


DISGUISES: dict[str, tuple[str, Callable[[str], str]]] = {
    "card, spaced dashes": ("payment_card", lambda value: " - ".join(_groups(value, 4, 4, 4, 4))),
    "card, two spaces": ("payment_card", lambda value: "  ".join(_groups(value, 4, 4, 4, 4))),
    "card, dots": ("payment_card", lambda value: ".".join(_groups(value, 4, 4, 4, 4))),
    "card, percent": ("payment_card", lambda value: "%20".join(_groups(value, 4, 4, 4, 4))),
    "card, entities": ("payment_card", lambda value: "&nbsp;".join(_groups(value, 4, 4, 4, 4))),
    "card, wide": ("payment_card", _wide),
    "card, Arabic digits": (
        "payment_card",
        lambda value: value.translate({ord("0") + digit: 0x660 + digit for digit in range(10)}),
    ),
    "card, zero width": ("payment_card", lambda value: "\u200b".join(_groups(value, 4, 4, 4, 4))),
    "IBAN, slashes": ("iban", lambda value: "/".join(_groups(value, 4, 4, 4, 4, 4, 2))),
    "SSN, em dashes": ("us_ssn", lambda value: value.replace("-", "\u2014")),
    "SSN, plus": ("us_ssn", lambda value: value.replace("-", "+")),
    "identity number, spaces": ("national_id", lambda value: value.replace("-", "\u2003\u2003")),
    "phone, no-break spaces": ("phone", lambda value: "\u00a0\u00a0".join(_groups(value, 3, 3, 3, 3))),
    "phone, percent": ("phone", lambda value: value.replace("+", "%2B")),
    "address, entity": ("email", lambda value: value.replace("@", "&#64;")),
    "address, double percent": ("email", lambda value: value.replace("@", "%2540")),
    "address, quoted-printable": ("email", lambda value: value.replace("@", "=40")),
    "address, wide at": ("email", lambda value: value.replace("@", "\uff20")),
}
"""Values as rules must find them, too: the rule, and how its value is written."""


def value_of(rule: str, number: int) -> str:  # noqa: PLR0911 - one for each rule
    """Returns a value that the rule must find, another one for each number below 10,000."""
    match rule:
        case "email":
            return f"canary.{number}@mail{number}.example.org"
        case "phone":
            return f"+4670{1000000 + number}"
        case "payment_card":
            digits = f"411111{number:09d}"
            return digits + luhn.calc_check_digit(digits)
        case "iban":
            return _iban(number)
        case "us_ssn":
            return f"{500 + number // 1000}-{10 + number % 80}-{1000 + number % 9000}"
        case "national_id":
            serial = f"8507{1 + number % 28:02d}{number % 1000:03d}"
            return f"{serial[:6]}-{serial[6:]}{luhn.calc_check_digit(serial)}"
        case "jwt":
            return f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnki{number:06d}.c2lnbmF0dXJl{number:06d}"
        case "api_key":
            return f"sk_live_canary{number:06d}abcdef"
        case "ip_address":
            return f"203.0.{113 + number // 250}.{1 + number % 250}"
        case "mac_address":
            return f"02:ca:{number // 256:02x}:{number % 256:02x}:5a:{number % 250:02X}"
        case "mrz":
            return _zone(number)
        case "url_credentials":
            return f"https://user{number}:pw{number}canary@host.example/"
        case "url_query":
            return f"https://host.example/p?token=canaryquery{number}"
    raise ValueError(rule)


RULES = (
    "email",
    "phone",
    "payment_card",
    "iban",
    "us_ssn",
    "national_id",
    "jwt",
    "api_key",
    "ip_address",
    "mac_address",
    "mrz",
    "url_credentials",
    "url_query",
)


_DISGUISES_PER_TEXT = 4


class _Planter:
    def __init__(self) -> None:
        self.canaries: list[Canary] = []
        self._disguises = 0

    def text(self, field: str) -> str:
        """Returns running text with a canary of every rule, and some in disguise: all of them in every few texts."""
        words = [self._one(rule, field) for rule in RULES]
        names = list(DISGUISES)
        for _ in range(_DISGUISES_PER_TEXT):
            words.append(self._disguised(names[self._disguises % len(names)], field))
            self._disguises += 1
        return "so " + " and ".join(words) + " end"

    def url(self, field: str) -> str:
        """Returns an address with a canary in its query."""
        return self._one("url_query", field)

    def secret(self, field: str) -> str:
        """Returns a value that no rule matches: its field alone must cause its removal."""
        value = f"plainsecret{len(self.canaries):05d}"
        self.canaries.append(Canary("field", field, value))
        return value

    def _disguised(self, name: str, field: str) -> str:
        rule, write = DISGUISES[name]
        value = write(value_of(rule, len(self.canaries)))
        self.canaries.append(Canary(name, field, value))
        return value

    def _one(self, rule: str, field: str) -> str:
        value = value_of(rule, len(self.canaries))
        needle = value
        if rule == "url_credentials":
            needle = value.split("/")[2].split("@")[0]
        elif rule == "url_query":
            needle = value.split("=")[1]
        self.canaries.append(Canary(rule, field, needle))
        return value


def has_page(events: list[dict[str, Any]]) -> bool:
    """Returns whether there is a page to plant in: a snapshot with a body, or the node in its place."""
    snapshot = next((event for event in events if event["type"] == 2), None)
    if snapshot is None:
        return False
    html = next((node for node in snapshot["data"]["node"]["childNodes"] if node["type"] == 2), None)
    return html is not None and bool(html["childNodes"])


def plant(
    events: list[dict[str, Any]], first_id: int = 900_000, *, everywhere: bool = False
) -> tuple[list[dict[str, Any]], list[Canary]]:
    """Returns a copy of the events with canaries in every field class, and the planted canaries.

    Args:
        events: A recording with a full snapshot.
        first_id: Id of the first planted node.
        everywhere: Whether to plant also where only a policy that masks all text looks.
    """
    events = copy.deepcopy(events)
    planter = _Planter()
    ids = iter(range(first_id, first_id + 100_000))
    at = next(index for index, event in enumerate(events) if event["type"] == 2)
    snapshot = events[at]
    time = snapshot["timestamp"]
    html = next(node for node in snapshot["data"]["node"]["childNodes"] if node["type"] == 2)
    body = html["childNodes"][-1]
    nodes = {
        name: next(ids)
        for name in ("text", "password", "field", "area", "area_text", "box", "canvas", "secret", "hidden_text")
    }
    body["childNodes"] += _elements(planter, "snapshot", ids, nodes)
    body["childNodes"] += _structures(planter, "snapshot", ids)
    if everywhere:
        body["childNodes"] += _everything(planter, "snapshot", ids)
    planted: list[dict[str, Any]] = [
        {"type": 4, "data": {"href": planter.url("meta.href"), "width": 800, "height": 600}},
        _incremental(
            0,
            texts=[
                {"id": nodes["text"], "value": planter.text("mutation.text")},
                {"id": nodes["area_text"], "value": planter.secret("mutation.textarea")},
                {"id": nodes["hidden_text"], "value": planter.secret("mutation.masked")},
            ],
            attributes=[
                {
                    "id": nodes["box"],
                    "attributes": {
                        "title": planter.text("mutation.title"),
                        "style": {"--x": planter.text("mutation.style")},
                    },
                },
                {"id": nodes["field"], "attributes": {"value": planter.secret("mutation.value")}},
                {"id": nodes["password"], "attributes": {"type": "text", "value": planter.secret("mutation.password")}},
            ],
            removes=[],
            adds=[
                {"parentId": nodes["box"], "nextId": None, "node": node}
                for node in (
                    *_elements(planter, "added", ids, {key: next(ids) for key in nodes}),
                    *_structures(planter, "added", ids),
                    *(_everything(planter, "added", ids) if everywhere else ()),
                )
            ]
            + [
                {
                    "parentId": nodes["secret"],
                    "nextId": None,
                    "node": {"type": 3, "id": next(ids), "textContent": planter.secret("added.masked")},
                }
            ],
        ),
        _incremental(5, id=nodes["field"], text=planter.secret("input.text"), isChecked=False),
        _incremental(5, id=nodes["password"], text=planter.secret("input.password"), isChecked=False),
        _incremental(5, id=1_999_999, text=planter.text("input.unknown"), isChecked=False),
        _incremental(8, id=7, adds=[{"rule": f"a::before{{content:'{planter.text('style.rule')}'}}", "index": 0}]),
        _incremental(8, id=7, replace=planter.text("style.replace")),
        _incremental(
            9,
            id=nodes["canvas"],
            type=0,
            commands=[{"property": "fillText", "args": [planter.text("canvas.text"), 1, 2]}],
        ),
        _incremental(10, family="x", fontSource=planter.text("font.source"), buffer=False),
        _incremental(11, level="log", payload=[json.dumps(planter.text("log.payload"))], trace=[]),
        _incremental(13, id=7, set={"property": "content", "value": planter.text("style.declaration")}, index=[0]),
        _incremental(
            15,
            id=7,
            styles=[{"styleId": 1, "rules": [{"rule": planter.text("style.adopted"), "index": 0}]}],
            styleIds=[1],
        ),
        _incremental(99, note=planter.text("unknown.source")),
        {
            "type": 5,
            "data": {
                "tag": "note",
                "payload": {"text": planter.text("custom.payload"), "password": planter.secret("custom.password")},
            },
        },
        {"type": 5, "data": {"tag": "note", "payload": planter.text("custom.string")}},
        {
            "type": 6,
            "data": {
                "plugin": "rrweb/console@1",
                "payload": {
                    "level": "log",
                    "trace": [planter.text("console.trace")],
                    "payload": [
                        json.dumps(planter.text("console.text")),
                        json.dumps(
                            {
                                "api_key": planter.secret("console.api_key"),
                                "deep": json.dumps({"cvc": planter.secret("console.cvc")}),
                            }
                        ),
                    ],
                },
            },
        },
        {"type": 6, "data": {"plugin": "rrweb/network@1", "payload": {"requests": [_request(planter)]}}},
        {"type": 6, "data": {"plugin": "someone/else@3", "payload": [planter.text("plugin.other")]}},
        {"type": 7, "data": {"url": planter.text("asset.url"), "payload": {}}},
        {"type": 42, "data": {"odd": planter.text("unknown.type")}},
        {"type": 3, "data": {"source": 1, "positions": [], "extra": planter.text("move.extra")}},
    ]
    planted += _requests(planter)
    if everywhere:
        planted += _unknown(planter)
    for index, event in enumerate(planted):
        event["timestamp"] = time + index
    events[at + 1 : at + 1] = planted
    return events, planter.canaries


class Needles:
    """Looks for many canaries at once, in bytes of any kind."""

    def __init__(self, canaries: list[Canary]) -> None:
        self.canaries = canaries
        options = re2.Options()
        options.max_mem = 64 << 20
        self._any = re2.compile("|".join(re2.escape(canary.value) for canary in canaries), options)

    def found_in(self, data: bytes) -> list[Canary]:
        """Returns the canaries in the data, in plain, JSON-escaped or percent-encoded form."""
        return leaks(data, self.canaries) if self.is_any_in(data) else []

    def is_any_in(self, data: bytes) -> bool:
        """Returns whether there is one in the data, in any of these forms: much faster than to find all."""
        return any(self._any.search(form.encode("utf-8", "replace").decode()) for form in forms_of(data))


def leaks(data: bytes, canaries: list[Canary]) -> list[Canary]:
    """Returns the canaries in the data; for repeated searches for the same ones create `Needles` once."""
    texts = forms_of(data)
    return [canary for canary in canaries if any(canary.value in text for text in texts)]


def forms_of(data: bytes) -> set[str]:
    """The text as it is, and without the escapes of JSON and of URLs."""
    written = data.decode("utf-8", "replace")
    read = (
        re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), written) if "\\u" in written else written
    )
    read = read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # escapes of one character in two halves
    return {written, read.replace("\\/", "/"), read.replace("\\/", "/").replace("%40", "@")}


def _incremental(source: int, **data: Any) -> dict[str, Any]:
    return {"type": 3, "data": {"source": source, **data}}


def _element(tag: str, node: int, attributes: dict[str, Any], *children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 2, "tagName": tag, "attributes": attributes, "childNodes": list(children), "id": node}


def _elements(planter: _Planter, where: str, ids: Any, nodes: dict[str, int]) -> list[dict[str, Any]]:
    def text(field: str, node: int | None = None, kind: int = 3) -> dict[str, Any]:
        return {"type": kind, "textContent": field, "id": next(ids) if node is None else node}

    def say(field: str) -> str:
        return planter.text(f"{where}.{field}")

    def hide(field: str) -> str:
        return planter.secret(f"{where}.{field}")

    return [
        _element(
            "div",
            nodes["box"],
            {name: say(name) for name in ("title", "alt", "placeholder", "aria-label", "content", "data-note", "name")},
            text(say("text"), nodes["text"]),
            text(say("comment"), kind=5),
            text(say("cdata"), kind=4),
        ),
        _element("a", next(ids), {"href": planter.url(f"{where}.href")}, text("link")),
        _element("form", next(ids), {"action": planter.url(f"{where}.action")}),
        _element(
            "img", next(ids), {"src": planter.url(f"{where}.src"), "srcset": planter.url(f"{where}.srcset") + " 2x"}
        ),
        _element("iframe", next(ids), {"rr_src": planter.url(f"{where}.rr_src")}),
        _element("link", next(ids), {"rel": "stylesheet", "_cssText": f"/* {say('css')} */"}),
        _element("style", next(ids), {}, text(f"a{{}} /* {say('style')} */")),
        _element("input", nodes["field"], {"type": "text", "value": hide("value")}),
        _element("input", nodes["password"], {"type": "password", "value": hide("password")}),
        _element("input", next(ids), {"type": "hidden", "value": hide("hidden")}),
        _element("input", next(ids), {"type": "text", "autocomplete": "section-a cc-number", "value": hide("cc")}),
        _element("input", next(ids), {"type": "radio", "value": hide("radio")}),
        _element(
            "select",
            next(ids),
            {"value": hide("select")},
            _element("option", next(ids), {"value": hide("option"), "selected": True}),
        ),
        _element(
            "textarea", nodes["area"], {"value": hide("textarea")}, text(hide("textarea.text"), nodes["area_text"])
        ),
        _element("canvas", nodes["canvas"], {"width": "10", "rr_dataURL": "data:image/png;base64,iVBORw0KGgo="}),
        _element(
            "div",
            nodes["secret"],
            {"class": "x rr-mask", "title": hide("masked.title")},
            _element("p", next(ids), {}, text(hide("masked.text"), nodes["hidden_text"])),
        ),
        _element(
            "div",
            next(ids),
            {"data-afterimage": "block"},
            _element("img", next(ids), {"src": hide("blocked.src"), "alt": hide("blocked.alt")}),
            text(hide("blocked.text")),
        ),
    ]


def _structures(planter: _Planter, where: str, ids: Any) -> list[dict[str, Any]]:
    """Returns elements that hold personal data by their structure alone."""

    def hide(field: str) -> str:
        return planter.secret(f"{where}.{field}")

    def text(value: str) -> dict[str, Any]:
        return {"type": 3, "textContent": value, "id": next(ids)}

    def element(tag: str, attributes: dict[str, Any], *children: dict[str, Any]) -> dict[str, Any]:
        return _element(tag, next(ids), attributes, *children)

    def halves(rule: str) -> tuple[str, str]:
        value = value_of(rule, len(planter.canaries))
        first, second = value[: len(value) // 2], value[len(value) // 2 :]
        planter.canaries.append(Canary(rule, f"{where}.split", second))
        return first, second

    cut, marked, deep = halves("payment_card"), halves("iban"), halves("jwt")
    label = hide("aria-label")
    return [
        element("sl-input", {"value": hide("component.value"), "type": "text"}),
        element("ion-input", {"type": "password", "value": hide("component.password")}, text(hide("component.text"))),
        element("div", {"data-type": "password"}, text(hide("data-type"))),
        element("div", {"role": "slider", "aria-valuetext": label, "aria-label": f"Name: {label}"}),
        element("div", {"contenteditable": "true"}, element("p", {}, text(hide("editable")))),
        element("div", {"role": "textbox"}, element("b", {"title": hide("textbox.title")}, text(hide("textbox")))),
        element("x-card", {"class": value_class(planter, where), "type": planter.text(f"{where}.component.type")}),
        element("x-chart", {"values": planter.text(f"{where}.component.values")}),
        element("div", {"data-props": json.dumps({"user": [{"password": hide("data.json")}]})}),
        element(
            "div", {"props": json.dumps({"api_key": hide("attribute.json"), "said": planter.text(f"{where}.json")})}
        ),
        element("p", {}, text(cut[0]), text(cut[1])),
        element("p", {}, text(marked[0]), element("b", {}, text(marked[1]))),
        element(
            "p", {}, element("i", {}, text(deep[0])), {"type": 5, "textContent": "", "id": next(ids)}, text(deep[1])
        ),
        element("div", {"data-afterimage": " MASK "}, text(hide("mark"))),
        element("div", {"class": "a\tRR-Mask\n"}, text(hide("mark.class"))),
        element("div", {"data-afterimage": "x Block"}, text(hide("mark.block"))),
        element("div", {"data-afterimage": "mask"}, *_attributes(hide, element)),
    ]


def value_class(planter: _Planter, where: str) -> str:
    """Returns a class of a web component that is an address."""
    value = value_of("email", len(planter.canaries))
    planter.canaries.append(Canary("email", f"{where}.component.class", value))
    return value


def _attributes(hide: Any, element: Any) -> list[dict[str, Any]]:
    """Returns elements with a secret in every kind of attribute."""
    return [
        element("a", {"href": f"https://h.example/{hide('href')}/x?{hide('query')}#{hide('fragment')}"}),
        element(
            "a", {"href": f"mailto:{hide('mailto')}", "id": hide("id"), "name": hide("name"), "target": hide("target")}
        ),
        element(
            "img", {"src": f"/pictures/{hide('src')}.png", "srcset": hide("srcset"), "usemap": "#" + hide("usemap")}
        ),
        element("div", {"style": f"background:url(/{hide('style.url')}.png);--x:{hide('style.property')};width:1px"}),
        element("div", {"style": f"content:'{hide('style.content')}'", "onclick": hide("onclick"), "x": hide("x")}),
        element("div", {"aria-labelledby": hide("labelledby"), "aria-label": hide("label"), "data-x": hide("data")}),
        element("div", {"itemprop": hide("itemprop"), "role": "a " * 9 + hide("role"), "width": hide("width")}),
        element("x-user", {"user": hide("component"), "type": hide("component.type"), "fill": hide("component.fill")}),
        element("style", {"data-n": hide("style.attribute")}, {"type": 3, "textContent": "b{}", "id": 1_999_000}),
    ]


def _requests(planter: _Planter) -> list[dict[str, Any]]:
    """Returns requests as other recorders, error trackers and pages write them."""
    hide = planter.secret

    def custom(tag: str, payload: Any) -> dict[str, Any]:
        return {"type": 5, "data": {"tag": tag, "payload": payload}}

    lines = f"accept: */*\r\nset-cookie: {hide('lines.cookie')}\r\nAuthorization: {hide('lines.authorization')}\r\n"
    return [
        custom(
            "api",
            {
                "url": "/a",
                "method": "POST",
                "data": {"name": hide("axios.data")},
                "params": {"q": hide("axios.params")},
            },
        ),
        custom(
            "api", {"body": hide("body"), "postData": {"text": hide("postData"), "params": [{"value": hide("params")}]}}
        ),
        custom(
            "api",
            {
                "payload": {"a": [hide("payload")]},
                "form_data": [["name", hide("form_data")]],
                "request-body": hide("dashes"),
            },
        ),
        custom("graphql", {"operationName": "Login", "variables": {"input": {"mail": hide("variables")}}}),
        custom("api", {"response": {"headers": lines, "body": json.dumps({"token": hide("response.token")})}}),
        custom(
            "api",
            {
                "requestHeaders": ["Cookie", hide("raw.cookie"), "Accept", "x"],
                "cookies": [{"name": "sid_token", "value": hide("cookies")}],
            },
        ),
        custom(
            "api", {"request": json.dumps({"headers": {"X-Api-Key": hide("json.headers")}, "body": hide("json.body")})}
        ),
        custom(
            "api",
            {
                "queryString": [{"name": "user", "value": hide("queryString")}],
                "fields": [{"name": "password", "value": hide("pair")}],
            },
        ),
        custom(
            "performanceSpan",
            {
                "op": "resource.fetch",
                "description": planter.url("span.description"),
                "data": {
                    "method": "POST",
                    "statusCode": 200,
                    "request": {"headers": {"cookie": hide("span.cookie")}, "body": {"a": hide("span.body")}},
                },
            },
        ),
        custom(
            "breadcrumb",
            {
                "category": "ui.input",
                "data": {"node": {"tagName": "input", "attributes": {"value": hide("breadcrumb.value")}}},
            },
        ),
        custom(
            "breadcrumb",
            {
                "category": "fetch",
                "data": {"url": planter.url("breadcrumb.url"), "request": {"body": hide("breadcrumb.body")}},
            },
        ),
        {
            "type": 6,
            "data": {"plugin": "openreplay/network", "payload": {"request": json.dumps({"body": hide("plugin.body")})}},
        },
        _incremental(11, level="log", payload=[json.dumps({"password": hide("log.password")})], trace=[]),
    ]


def _everything(planter: _Planter, where: str, ids: Any) -> list[dict[str, Any]]:
    """Returns elements with secrets that no rule and no mark finds."""

    def hide(field: str) -> str:
        return planter.secret(f"{where}.{field}")

    def element(tag: str, attributes: dict[str, Any], *children: dict[str, Any]) -> dict[str, Any]:
        return _element(tag, next(ids), attributes, *children)

    def text(value: str) -> dict[str, Any]:
        return {"type": 3, "textContent": value, "id": next(ids)}

    css = (
        f'/* {hide("css.comment")} */ #{hide("css.id")} > [title="{hide("css.attribute")}"]::before '
        f"{{ content: '{hide('css.content')}'; background: url('/{hide('css.url')}.png') }}"
    )
    return [
        *_attributes(hide, element),
        element("title", {}, text(hide("title"))),
        element(
            "script",
            {"type": "application/json", "src": "/" + hide("script.src")},
            text(json.dumps({"a": hide("script")})),
        ),
        element("style", {}, text(css)),
        element("link", {"rel": "stylesheet", "_cssText": f'a::after{{content:"{hide("css.text")}"}}'}),
        {"type": 3, "textContent": hide("text"), "id": next(ids), "note": hide("unknown.field")},
        {"type": 77, "textContent": hide("unknown.node"), "id": next(ids)},
        {"type": 1, "name": "html", "publicId": hide("publicId"), "systemId": "", "id": next(ids)},
    ]


def _unknown(planter: _Planter) -> list[dict[str, Any]]:
    """Returns events with secrets in every field that a policy which masks all text hides."""
    hide = planter.secret
    headers = {"x-note": hide("strict.header")}
    return [
        {
            "type": 4,
            "data": {
                "href": f"https://h.example/{hide('strict.path')}#/{hide('strict.route')}",
                "title": hide("strict.title"),
            },
        },
        {
            "type": 5,
            "data": {
                "tag": "note",
                "payload": {
                    "said": hide("strict.custom"),
                    "n": [hide("strict.list")],
                    hide("strict key with") + " words": 1,
                },
            },
        },
        {"type": 5, "data": {"tag": "note", "payload": hide("strict.string"), "extra": hide("strict.extra")}},
        {
            "type": 6,
            "data": {"plugin": "someone/else@3", "payload": {"url": f"https://h.example/{hide('strict.plugin')}"}},
        },
        {
            "type": 6,
            "data": {
                "plugin": "rrweb/network@1",
                "payload": {
                    "requests": [{"name": f"https://h.example/{hide('strict.request')}", "responseHeaders": headers}]
                },
            },
        },
        {
            "type": 6,
            "data": {
                "plugin": "rrweb/console@1",
                "payload": {
                    "level": "log",
                    "trace": [hide("strict.trace")],
                    "payload": [json.dumps(hide("strict.console"))],
                },
            },
        },
        {"type": 42, "data": {"a": hide("strict.type"), "b": [{"c": hide("strict.inner")}]}},
        {"type": 3, "data": {"source": 99, "note": hide("strict.source")}},
        {"type": 3, "data": {"source": 2, "type": 2, "id": 1, "x": 1, "y": 1, "note": hide("strict.click")}},
        {
            "type": 3,
            "data": {
                "source": 8,
                "id": 7,
                "adds": [{"rule": f"a::before{{content:'{hide('strict.rule')}'}}", "index": 0}],
            },
        },
        {
            "type": 3,
            "data": {
                "source": 13,
                "id": 7,
                "set": {"property": "content", "value": f"'{hide('strict.value')}'"},
                "index": [0],
            },
        },
        {
            "type": 3,
            "data": {
                "source": 15,
                "id": 7,
                "styles": [{"styleId": 1, "rules": [{"rule": f"b{{--x:'{hide('strict.adopted')}'}}"}]}],
            },
        },
        {
            "type": 3,
            "data": {"source": 9, "id": 7, "type": 0, "property": "fillText", "args": [hide("strict.canvas"), 1]},
        },
        {
            "type": 3,
            "data": {
                "source": 0,
                "texts": [],
                "removes": [],
                "adds": [],
                "attributes": [
                    {
                        "id": 1,
                        "attributes": {
                            "style": {"--y": hide("strict.style"), "width": "1px"},
                            "id": hide("strict.id"),
                            "href": "/" + hide("strict.href"),
                        },
                    }
                ],
            },
        },
        {"type": 3, "data": {"source": 6, "id": 1, "x": 0, "y": 0}, "note": hide("strict.event")},
    ]


def _request(planter: _Planter) -> dict[str, Any]:
    return {
        "name": planter.url("network.name"),
        "method": "POST",
        "status": 200,
        "startTime": 12.300000190734863,
        "requestHeaders": {
            "Authorization": "Basic " + planter.secret("network.authorization"),
            "x-my-session-id": planter.secret("network.session"),
            "accept": planter.text("network.accept"),
        },
        "responseHeaders": [["Set-Cookie", planter.secret("network.cookie")]],
        "requestBody": json.dumps({"name": planter.secret("network.body"), "n": [planter.secret("network.list")]}),
        "responseBody": json.dumps(
            {"said": planter.text("network.response"), "token": planter.secret("network.token")}
        ),
    }
