"""Personal data by structure: fields, attributes, bodies, texts in parts, and unknown places."""

from __future__ import annotations

import json
from typing import Any

import pytest
from audit.canaries import leaks, plant
from audit.privacy.masking.test_masker import PLANTED, change, masker, node, pack, run, sample, snapshot, words

from services.audit.payload import BadPayload
from services.audit.privacy.masking.counts import MAX_WORK
from services.audit.privacy.masking.masker import MASK, MaskState
from services.audit.privacy.masking.stylesheets import hide_text

DEFAULT, STRICT = masker(), masker({"preset": "strict"})
CARD = ("4111 1111 ", "1111 1111")


def body(events: list[Any]) -> list[dict[str, Any]]:
    return events[0]["data"]["node"]["childNodes"][0]["childNodes"][1]["childNodes"]


def custom(payload: Any, tag: str = "note") -> dict[str, Any]:
    return {"type": 5, "data": {"tag": tag, "payload": payload}, "timestamp": 1}


def payload_of(which: Any, payload: Any) -> Any:
    return json.loads(which.mask(MaskState(True), pack(custom(payload))).text)[0]["data"]["payload"]


@pytest.mark.campaign
@pytest.mark.parametrize("name", PLANTED)
def test_no_canary_survives_anywhere_if_all_text_is_masked(name):
    """In some recordings; with --campaign in all of them, unabridged."""
    planted, canaries = plant(sample(name), everywhere=True)
    text = pack(*planted)
    assert len(leaks(text, canaries)) == len(canaries)
    masked = STRICT.mask(MaskState(), text)
    assert [(each.field, each.value) for each in leaks(masked.text, canaries)] == []
    assert STRICT.mask(MaskState(), masked.text).text is masked.text


@pytest.mark.parametrize(
    ("element", "hidden"),
    [
        (node("sl-input", 5, {"value": "Dana"}), "value"),
        (node("md-outlined-text-field", 5, {"value": "Dana", "label": "Name"}), "value"),
        (node("div", 5, {"role": "SpinButton", "aria-valuetext": "Dana"}), "aria-valuetext"),
        (node("div", 5, {"role": "slider", "aria-valuenow": "Dana"}), "aria-valuenow"),
        (node("input", 5, {"type": "text", "value": "Dana", "aria-label": "Name, Dana"}), "aria-label"),
        (node("input", 5, {"data-value": "Dana"}), "data-value"),
        (node("app-field", 5, {"ng-reflect-model": "Dana"}), "ng-reflect-model"),
    ],
)
def test_values_of_fields_of_any_kind_are_masked(element, hidden):
    (found,) = body(run(DEFAULT, pack(snapshot(element)))[0])
    assert found["attributes"][hidden] == MASK
    assert "Dana" not in json.dumps(found)


def test_numbers_that_nobody_entered_stay():
    elements = [node("li", 5, {"value": "3"}), node("progress", 6, {"value": "0.5"}), node("meter", 7, {"value": 0.5})]
    text = pack(snapshot(*elements))
    assert DEFAULT.mask(MaskState(), text).text is text


@pytest.mark.parametrize(
    "attributes", [{"type": "password"}, {"data-type": " Password "}, {"autocomplete": "cc-number"}]
)
@pytest.mark.parametrize("tag", ["ion-input", "div", "input"])
def test_passwords_are_emptied_in_any_element(tag, attributes):
    events, _ = run(DEFAULT, pack(snapshot(node(tag, 5, {**attributes, "value": "Dana"}, words(6, "Dana")))))
    (found,) = body(events)
    assert found["attributes"]["value"] == ""
    assert tag == "input" or found["childNodes"][0]["textContent"] == ""


@pytest.mark.parametrize(
    "attributes",
    [{"contenteditable": ""}, {"contenteditable": True}, {"contenteditable": "PLAINTEXT-only"}, {"role": "textbox"}],
)
def test_editable_regions_are_fields_also_for_what_is_typed_later(attributes):
    editor = node("div", 5, attributes, node("p", 6, {"data-afterimage": "unmask", "title": "Dana"}, words(7, "Dana")))
    added = {"parentId": 6, "nextId": None, "node": words(8, "Dana")}
    events, _ = run(
        DEFAULT,
        pack(snapshot(editor, node("p", 9, {}, words(10, "Hello")))),
        pack(change(texts=[{"id": 7, "value": "Dana L"}, {"id": 10, "value": "Hello"}], adds=[added])),
    )
    assert "Dana" not in json.dumps(events)
    assert events[1]["data"]["texts"][1]["value"] == "Hello"


def test_a_region_that_is_not_editable_keeps_its_text():
    text = pack(snapshot(node("div", 5, {"contenteditable": "false", "role": "button"}, words(6, "Dana"))))
    assert DEFAULT.mask(MaskState(), text).text is text


@pytest.mark.parametrize("name", ["data-props", "props", "x-data", "data-page"])
def test_json_in_attributes_is_read(name):
    value = json.dumps({"page": 2, "user": [{"password": "hunter2", "mail": "dana@example.com"}]})
    changed = change(attributes=[{"id": 5, "attributes": {name: value}}])
    events, _ = run(DEFAULT, pack(snapshot(node("div", 5, {name: value}))), pack(changed))
    for attributes in (body(events)[0]["attributes"], events[1]["data"]["attributes"][0]["attributes"]):
        assert json.loads(attributes[name]) == {"page": 2, "user": [{"password": MASK, "mail": MASK}]}


@pytest.mark.parametrize("name", ["class", "type", "rel", "values", "width", "d"])
def test_rules_apply_to_every_attribute_of_a_web_component(name):
    (found,) = body(run(DEFAULT, pack(snapshot(node("x-card", 5, {name: "dana@example.com"}))))[0])
    assert found["attributes"][name] == MASK


def test_layout_of_html_and_svg_stays():
    elements = [
        node("animate", 5, {"values": "0 415 555 0132;4111 1111 1111 1111", "keyTimes": "0;1"}),
        node("p", 6, {"class": "a-415-555-0132", "width": "4111 1111 1111 1111"}),
    ]
    text = pack(snapshot(*elements))
    assert DEFAULT.mask(MaskState(), text).text is text


@pytest.mark.parametrize("mark", [" MASK ", "Mask", "x mask", "mask\n"])
def test_marks_that_are_written_carelessly_count(mark):
    for attributes in (
        {"data-afterimage": mark},
        {"class": f"a\t{mark.replace('mask', 'rr-mask').replace('MASK', 'RR-MASK').replace('Mask', 'rr-Mask')}"},
    ):
        (found,) = body(run(DEFAULT, pack(snapshot(node("p", 5, attributes, words(6, "Dana")))))[0])
        assert found["childNodes"][0]["textContent"] == MASK


def test_masked_elements_keep_only_what_lays_them_out():
    attributes = {
        "class": "card",
        "style": "width:10px;background:url(/dana.png)",
        "width": "10",
        "aria-expanded": "true",
        "id": "dana",
        "href": "/dana/lind?x=1",
        "data-afterimage": "mask",
        "onclick": "say('Dana')",
        "itemid": "d",
    }
    (found,) = body(run(DEFAULT, pack(snapshot(node("a", 5, attributes))))[0])
    kept = found["attributes"]
    assert {name: kept[name] for name in ("class", "width", "aria-expanded", "data-afterimage")} == {
        name: attributes[name] for name in ("class", "width", "aria-expanded", "data-afterimage")
    }
    assert kept["style"].startswith("width:10px;background:url(")
    assert kept["onclick"] == MASK
    assert "dana" not in json.dumps(found).lower()


ODD_VALUES = (["Dana"], [["Dana"]], [7, "Dana"], {"a": "Dana"}, {"Dana": 1})
ATTRIBUTES = (
    *("class", "id", "href", "src", "type", "value", "width", "d", "role", "tabindex", "title", "name", "content"),
    *("rel", "viewBox", "fill", "checked", "dir", "lang", "onclick", "rr_dataURL", "rr_width", "rr_mediaState"),
    *("aria-label", "aria-pressed", "aria-valuenow", "aria-valuemin", "data-kind", "data-rr-x", "data-afterimage"),
)


@pytest.mark.parametrize("tag", ["button", "x-el", "meta", "link", "svg", "input"])
def test_attributes_that_are_lists_or_objects_are_masked(tag):
    """Recorders make none. They are no way around masking, and no exception either."""
    for name in ATTRIBUTES:
        for value in ODD_VALUES:
            added = snapshot(node(tag, 5, {name: value}), node(tag, 6, {name: value, "class": "rr-mask"}))
            changed = change(attributes=[{"id": 5, "attributes": {name: value}}])
            run(DEFAULT, pack(added, changed))
            found, *_ = run(STRICT, pack(added, changed))
            assert "Dana" not in json.dumps(found), (name, value)


def test_references_to_ids_still_fit_in_strict():
    elements = [
        node("style", 5, {}, words(6, "#menu > a[href='/x']{color:#abc}")),
        node("div", 7, {"id": "menu"}, node("a", 8, {"href": "#menu"}), node("label", 9, {"for": "menu"})),
    ]
    style, div = body(run(STRICT, pack(snapshot(*elements)))[0])
    name = div["attributes"]["id"]
    assert name != "menu"
    assert div["childNodes"][0]["attributes"]["href"] == f"#{name}"
    assert div["childNodes"][1]["attributes"]["for"] == name
    assert style["childNodes"][0]["textContent"].startswith(f"#{name} > a[href=")
    assert "{color:#abc}" in style["childNodes"][0]["textContent"]


CSS = [
    "a{color:#fff;grid-template-areas:'head head'}@media (min-width:10px){b{font-family:\"Open Sans\"}}",
    "@font-face{font-family:x;src:url(/f.woff2) format('woff2')}@import 'x.css';",
    '.i::before{content:"\\f101"}.c::after{content:\'\'}[type="text"],[class*=col-]{width:calc(1px + 2%)}',
    "a{background:url(data:image/png;base64,iVBORw0KGgo=)}",
]


@pytest.mark.parametrize("css", CSS)
def test_css_without_text_is_unchanged(css):
    assert hide_text(css, str.upper, frozenset({"type", "class"})) == css


@pytest.mark.parametrize(
    "css", ["/*" * 50_000, '"' * 100_000, "'\n" * 50_000, "url(" * 50_000, "#a{" * 50_000, "[a=" * 50_000, "}" * 99_999]
)
def test_any_css_is_read(css):
    assert isinstance(hide_text(css, str.upper, frozenset()), str)


@pytest.mark.parametrize(
    "children",
    [
        [words(6, CARD[0]), words(7, CARD[1])],
        [words(6, CARD[0]), node("b", 7, {}, words(8, CARD[1]))],
        [node("span", 6, {}, node("i", 7, {}, words(8, CARD[0]))), words(9, CARD[1])],
        [words(6, CARD[0]), {"type": 5, "textContent": " ", "id": 7}, words(8, CARD[1])],
        [node("span", 10 + 2 * at, {}, words(11 + 2 * at, digit)) for at, digit in enumerate("".join(CARD))],
        [words(6, "x " * 2500 + CARD[0]), words(7, CARD[1] + " y" * 2500)],
        [words(6, "dana@"), words(7, "example.com")],
        [words(6, "+46 70 "), words(7, "123 45 67")],
    ],
)
def test_values_in_neighbouring_texts_are_masked_in_each(children):
    events, _ = run(DEFAULT, pack(snapshot(node("p", 5, {}, *children))))
    text = "".join(find_texts(body(events)))
    assert not any(secret in text for secret in ("4111", "1111", "dana", "example", "123", "46"))
    assert len(text) > 2000 or "x" not in text


def find_texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in find_texts(each)]
    return [value["textContent"]] if value["type"] == 3 else find_texts(value.get("childNodes", []))


@pytest.mark.parametrize("reverse", [False, True])
def test_values_in_texts_that_one_mutation_brings_are_masked(reverse):
    adds = [{"parentId": 5, "nextId": None, "node": words(20 + at, half)} for at, half in enumerate(CARD)]
    texts = [{"id": 30 + at, "value": half} for at, half in enumerate(CARD)]
    added = change(adds=adds[::-1] if reverse else adds, texts=texts)
    events, _ = run(DEFAULT, pack(snapshot(node("p", 5))), pack(added))
    assert "1111" not in json.dumps(events)


@pytest.mark.parametrize(
    "children",
    [
        [node("td", 6, {}, words(7, CARD[0])), node("td", 8, {}, words(9, CARD[1]))],
        [node("span", 10 + 2 * day, {}, words(11 + 2 * day, f"{day:02d} ")) for day in range(31)],
        [words(6, "Order 4111"), words(7, "1111")],
    ],
)
def test_texts_that_only_look_like_a_value_together_stay(children):
    text = pack(snapshot(node("p", 5, {}, *children)))
    assert DEFAULT.mask(MaskState(), text).text is text


def test_a_label_beside_an_address_stays():
    spans = [
        node("span", 10 + 2 * at, {}, words(11 + 2 * at, text))
        for at, text in enumerate(("Mail:", "a@b.example", "Edit"))
    ]
    assert find_texts(body(run(DEFAULT, pack(snapshot(*spans)))[0])) == ["Mail:", MASK, "Edit"]


@pytest.mark.campaign
def test_many_split_texts_are_rejected_rather_than_searched_for_hours(campaign_rounds, monkeypatch):
    """A tenth of them, at a tenth of the work; with --campaign all."""
    part = campaign_rounds(10, 1)
    monkeypatch.setattr("services.audit.privacy.masking.counts.MAX_WORK", MAX_WORK // part)
    texts = b",".join(b'{"type":3,"id":%d,"textContent":"a@"}' % number for number in range(10, 400_000 // part))
    tree = b'{"type":2,"tagName":"p","attributes":{},"childNodes":[%b],"id":2}' % texts
    with pytest.raises(BadPayload, match="send smaller chunks"):
        DEFAULT.mask(MaskState(), b'[{"type":2,"data":{"node":%b},"timestamp":1790000000000}]' % tree)


@pytest.mark.parametrize(
    "payload",
    [
        {"body": {"name": "hunter2"}},
        {"postData": "name=hunter2"},
        {"post_data": {"text": "hunter2"}},
        {"payload": ["hunter2"]},
        {"formData": [["name", "hunter2"]]},
        {"variables": {"input": {"mail": "hunter2"}}},
        {"request": {"data": {"name": "hunter2"}}},
        {"url": "/a", "method": "put", "data": {"name": "hunter2"}},
        {"request": json.dumps({"body": "hunter2"})},
        {"headers": "accept: x\r\nCookie: hunter2\r\n"},
        {"headers": {"Set-Cookie": ["hunter2"]}},
        {"requestHeaders": [{"name": "Authorization", "value": "hunter2"}]},
        {"rawHeaders": ["X-Api-Key", "hunter2", "Accept", "x"]},
        {"response": {"headers": [["set-cookie", "hunter2"]]}},
        {"cookie": "hunter2"},
        {"fields": [{"name": "password", "value": "hunter2"}]},
        {"entries": [["password", "hunter2"]]},
        {"queryString": [{"name": "user", "value": "hunter2"}]},
        {"search_params": {"user": "hunter2"}},
        {"data": {"request": {"body": "hunter2"}, "method": "POST"}},
        {"node": {"tagName": "input", "attributes": {"value": "hunter2"}}},
        '  {"body": "hunter2"}',
    ],
)
def test_requests_are_known_by_any_of_their_names(payload):
    assert "hunter2" not in json.dumps(payload_of(DEFAULT, payload))


def test_what_describes_a_request_stays_readable():
    payload = {
        "op": "resource.fetch",
        "description": "https://shop.example/cart",
        "data": {
            "method": "POST",
            "statusCode": 500,
            "response": {"headers": {"content-type": "text/html"}, "body": "no"},
        },
        "metadata": {"form": "login-form", "text": "Sign in"},
    }
    assert payload_of(DEFAULT, payload) == payload


def test_a_console_message_is_no_request():
    payload = {"level": "error", "trace": [], "payload": ['"it broke"', '{"body":"of a page"}']}
    event = {"type": 6, "data": {"plugin": "rrweb/console@1", "payload": payload}, "timestamp": 1}
    text = pack(event)
    assert DEFAULT.mask(MaskState(True), text).text is text


def test_strict_keeps_states_and_times_of_payloads():
    request = {
        "name": "https://h.example/a?b=c",
        "method": "POST",
        "status": 500,
        "startTime": 1.5,
        "initiatorType": "fetch",
    }
    event = {"type": 6, "data": {"plugin": "rrweb/network@1", "payload": {"requests": [request]}}, "timestamp": 1}
    (found,) = json.loads(STRICT.mask(MaskState(True), pack(event)).text)[0]["data"]["payload"]["requests"]
    assert found | {"name": ""} == request | {"name": ""}
    assert found["name"].startswith("https://h.example/masked-")


def test_strict_pages_stay_distinct():
    pages = [
        {"type": 4, "data": {"href": f"https://h.example/{name}", "width": 1, "height": 1}, "timestamp": 1}
        for name in "aba"
    ]
    found = [event["data"]["href"] for event in json.loads(STRICT.mask(MaskState(), pack(*pages)).text)]
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize(
    "value", ["jo@example.org", "4111111111111111", "DE89370400440532013000", "sk_live_abcdef0123456"]
)
@pytest.mark.parametrize("which", [DEFAULT, STRICT])
def test_layout_and_tags_are_exempt_by_their_form_too(which, value):
    """An attribute or a name that is not checked because it defines the page could hold anything."""
    nodes = [
        {"type": 2, "id": 2, "tagName": value, "attributes": {}, "childNodes": []},
        {"type": 2, "id": 3, "tagName": f"write to {value}, please", "attributes": {}, "childNodes": []},
        {"type": 2, "id": 4, "tagName": ["div", value], "attributes": {}, "childNodes": []},
        {"type": 2, "id": 5, "tagName": "div", "attributes": {"class": f"a {value} b"}, "childNodes": []},
        {"type": 2, "id": 6, "tagName": "path", "attributes": {"d": value}, "childNodes": []},
    ]
    for each in nodes:
        event = {"type": 2, "timestamp": 1, "data": {"node": {"type": 0, "id": 1, "childNodes": [each]}}}
        assert value.encode() not in which.mask(MaskState(), pack(event)).text, each


def test_what_defines_the_layout_stays():
    kept = {
        "class": "btn btn--primary col-12 md:w-1/2 css-1q2w3e4r Button-module__root--3kQx1",
        "d": "M12.5,3.25c-1.10000000149,0,-2,.9-2,2v14z M400 200 1234567.8",
        "points": "100,100 250,40 12345678,1",
        "transform": "matrix(1.0000000001 0 0 1 120 80)",
    }
    text = pack(snapshot(node("h1", 5, kept)))
    assert DEFAULT.mask(MaskState(), text).text is text
