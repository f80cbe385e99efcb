"""The mirror of a page: mutations, bounds, damaged events."""

from __future__ import annotations

import json

import msgspec
import pytest
from audit.behaviour.targets.pages import Page, added

from services.audit.behaviour.targets import page_mirror, page_tree
from services.audit.behaviour.targets.page_mirror import PageMirror

CART = (
    "<div key='one' id='one'><button key='pay' class='pay'><b key='label'>Pay now</b></button></div>"
    "<div key='two' id='two'></div>"
)


def label_of(page: Page) -> int:
    """The text node of the button."""
    body = page.tree["childNodes"][0]["childNodes"][1]
    return body["childNodes"][0]["childNodes"][0]["childNodes"][0]["childNodes"][0]["id"]


def test_a_changed_text_is_the_new_name():
    page = Page(CART)
    assert page.target("pay").name == "Pay now"
    page.change(texts=[{"id": label_of(page), "value": "Paid"}])
    assert page.target("pay").name == "Paid"


def test_changed_and_removed_attributes_count():
    page = Page(CART)
    page.change(attributes=[{"id": page.ids["pay"], "attributes": {"aria-label": "Buy", "data-testid": "buy"}}])
    assert page.target("pay")[::3] == ("Buy", '[data-testid="buy"]')
    page.change(attributes=[{"id": page.ids["pay"], "attributes": {"aria-label": None, "data-testid": None}}])
    assert page.target("pay")[::3] == ("Pay now", "#one button.pay")
    page.change(attributes=[{"id": page.ids["pay"], "attributes": {"style": {"color": "red"}, "class": "big-pay"}}])
    assert page.target("pay").selector == "#one button.big-pay"


def test_a_moved_node_is_found_where_it_is_with_its_contents():
    page = Page(CART)
    pay, label, text = page.ids["pay"], page.ids["label"], label_of(page)
    button = {"type": 2, "tagName": "button", "attributes": {"class": "pay"}, "childNodes": [], "id": pay}
    bold = {"type": 2, "tagName": "b", "attributes": {}, "childNodes": [], "id": label}
    words = {"type": 3, "textContent": "Pay now", "id": text}
    page.change(
        removes=[],
        adds=[
            {"parentId": page.ids["two"], "nextId": None, "node": button},
            {"parentId": pay, "nextId": None, "node": bold},
            {"parentId": label, "nextId": None, "node": words},
        ],
    )
    assert page.target("pay")[::3] == ("Pay now", "#two button.pay")
    assert page.mirror.target_of(text).name == "Pay now"


def test_a_removed_node_has_no_target_and_neither_have_its_contents():
    page = Page(CART)
    page.change(removes=[{"parentId": page.ids["one"], "id": page.ids["pay"]}])
    assert page.mirror.target_of(page.ids["pay"]) is None
    assert page.mirror.target_of(label_of(page)) is None
    assert page.mirror.missed == {"unknown_node": 2}


def test_nodes_are_added_in_any_order_and_at_their_places():
    page = Page("<ul key='list' id='list'><li key='last'>c</li></ul>")
    first = {"type": 2, "tagName": "li", "attributes": {}, "childNodes": [], "id": 501}
    second = {"type": 2, "tagName": "li", "attributes": {}, "childNodes": [], "id": 502}
    words = {"type": 3, "textContent": "a", "id": 503}
    page.change(
        adds=[
            {"parentId": 501, "nextId": None, "node": words},
            {"parentId": page.ids["list"], "nextId": 502, "node": first},
            {"parentId": page.ids["list"], "nextId": page.ids["last"], "node": second},
        ]
    )
    assert page.mirror.target_of(503)[::3] == ("a", "#list > li:nth-of-type(1)")
    assert page.mirror.target_of(502).selector == "#list > li:nth-of-type(2)"
    assert page.target("last").selector == "#list > li:nth-of-type(3)"


def test_a_frames_document_is_added_and_replaced():
    page = Page("<iframe key='frame'></iframe>")
    for words in ("Old", "New"):
        node, ids = added(f"<html><body><button key='b' class='in-frame'>{words}</button></body></html>", 700)
        document = {"type": 0, "childNodes": [node], "id": 900}
        page.change(adds=[{"parentId": page.ids["frame"], "nextId": None, "node": document}], isAttachIframe=True)
        assert page.mirror.target_of(ids["b"])[::3] == (words, "button.in-frame")


def test_a_shadow_root_that_is_added_later_is_seen():
    page = Page("<x-card key='host' class='card-host'></x-card>")
    node, ids = added("<button key='b' class='more'>More</button>", 700)
    node["isShadow"] = True
    page.change(adds=[{"parentId": page.ids["host"], "nextId": None, "node": node}])
    assert page.mirror.target_of(ids["b"])[::3] == ("More", "button.more")


def test_a_new_snapshot_replaces_the_page():
    page = Page(CART)
    page.change(texts=[{"id": label_of(page), "value": "Paid"}])
    other = Page("<button key='o'>Other</button>")
    page.mirror.begin(msgspec.Raw(json.dumps(other.tree).encode()))
    assert page.mirror.target_of(other.ids["o"]).name == "Other"
    assert page.mirror.target_of(page.ids["two"]) is None


def test_changes_of_unknown_nodes_and_circles_do_nothing():
    page = Page(CART)
    one = {"type": 2, "tagName": "div", "attributes": {}, "childNodes": [], "id": page.ids["one"]}
    page.change(
        removes=[{"parentId": 1, "id": 9_999}],
        adds=[
            {"parentId": 9_999, "nextId": None, "node": {"type": 3, "textContent": "x", "id": 800}},
            {"parentId": page.ids["pay"], "nextId": None, "node": one},
        ],
        texts=[{"id": 9_999, "value": "x"}],
        attributes=[{"id": 9_999, "attributes": {"a": "b"}}],
    )
    assert page.mirror.target_of(800) is None
    assert page.mirror.target_of(page.ids["pay"]) is None  # it is inside of itself
    assert page.target("two").selector == "#two"


@pytest.mark.parametrize(
    "snapshot", [b"null", b"[]", b'"text"', b'{"id": "x"}', b'{"type":0,"id":1,"childNodes":[7]}', b"{}"]
)
def test_a_snapshot_that_cannot_be_read_means_no_targets_and_no_error(snapshot):
    mirror = PageMirror()
    mirror.begin(msgspec.Raw(snapshot))
    assert mirror.target_of(1) is None
    assert sum(mirror.missed.values()) == 1


def test_a_mutation_that_cannot_be_read_means_no_targets_until_the_next_snapshot():
    page = Page(CART)
    page.change(adds="nonsense")
    assert page.mirror.target_of(page.ids["pay"]) is None
    assert (page.mirror.lost, page.mirror.missed) == ("unreadable", {"unreadable": 1})
    page.mirror.begin(msgspec.Raw(json.dumps(page.tree).encode()))
    assert page.target("pay").name == "Pay now"


def test_a_page_with_too_many_nodes_has_no_targets_until_the_next_snapshot(monkeypatch):
    monkeypatch.setattr(page_tree, "MAX_NODES", 20)
    page = Page(CART)
    assert page.target("pay").name == "Pay now"
    many = [{"type": 3, "textContent": "x", "id": 600 + number} for number in range(1_100)]
    page.change(adds=[{"parentId": page.ids["two"], "nextId": None, "node": node} for node in many])
    assert page.mirror.target_of(page.ids["pay"]) is None
    assert page.mirror.missed == {"too_large": 1}
    assert page.mirror.size_bytes < 10_000


def test_former_children_of_an_element_that_came_back_do_not_count(monkeypatch):
    monkeypatch.setattr(page_tree, "MAX_NODES", 1_500)
    page = Page(CART)
    two = page.ids["two"]
    box = {"type": 2, "tagName": "div", "attributes": {}, "childNodes": [], "id": 5_000}
    for time in range(5):
        texts = [{"type": 3, "textContent": "x", "id": 10_000 * (time + 1) + number} for number in range(1_000)]
        page.change(
            removes=[{"parentId": two, "id": 5_000}] if time else [],
            adds=[
                {"parentId": two, "nextId": None, "node": box},
                *({"parentId": 5_000, "nextId": None, "node": node} for node in texts),
            ],
        )
        assert page.target("pay").name == "Pay now"
    assert page.mirror.size_bytes < 2_600 * page_mirror.NODE_BYTES


def test_nothing_is_kept_of_labels_that_come_and_go():
    page = Page("<div key='form'><input key='field' id='name'></div>")
    form = page.ids["form"]
    for own in range(5_000, 5_200):
        label = {"type": 2, "tagName": "label", "attributes": {"for": "name"}, "childNodes": [], "id": own}
        text = {"type": 3, "textContent": f"Name {own}", "id": own + 1_000}
        page.change(
            removes=[{"parentId": form, "id": own - 1}],
            adds=[
                {"parentId": form, "nextId": None, "node": label},
                {"parentId": own, "nextId": None, "node": text},
            ],
        )
    page.mirror.target_of(form)
    assert len(page.mirror._tree._labels) == 1
    assert page.target("field").name == "Name 5199"


def test_a_snapshot_that_is_too_large_is_not_kept(monkeypatch):
    monkeypatch.setattr(page_mirror, "MAX_SNAPSHOT_BYTES", 100)
    page = Page(CART)
    assert page.mirror.target_of(page.ids["pay"]) is None
    assert page.mirror.missed == {"too_large": 1}


def test_mutations_without_an_end_keep_little_and_give_the_same(monkeypatch):
    monkeypatch.setattr(page_tree, "SETTLE_BYTES", 10_000)
    page = Page(CART)
    two = page.ids["two"]
    for number in range(200):
        toast = {"type": 2, "tagName": "div", "attributes": {"class": "toast"}, "childNodes": [], "id": 1_000 + number}
        page.change(
            removes=[{"parentId": two, "id": 1_000 + number - 1}] if number else [],
            adds=[{"parentId": two, "nextId": None, "node": toast}],
            texts=[{"id": label_of(page), "value": f"Pay {number}"}],
            attributes=[{"id": page.ids["pay"], "attributes": {"data-testid": "pay" + "-again" * (number % 3)}}],
        )
        assert page.mirror.size_bytes < 30_000
    assert page.target("pay")[::3] == ("Pay 199", '[data-testid="pay-again"]')
    assert page.mirror.target_of(1_199).selector == "#two div.toast"
    assert page.mirror.target_of(1_198) is None


def test_large_attributes_are_not_kept():
    page = Page(f"<img key='picture' alt='Chart' src='data:image/png;base64,{'A' * 600_000}'>")
    assert page.target("picture").name == "Chart"
    assert page.mirror.size_bytes < 20_000


def test_a_text_that_changes_before_its_node_is_looked_at_is_the_name():
    page = Page(CART)
    button = {"type": 2, "tagName": "button", "attributes": {}, "childNodes": [], "id": 600}
    words = {"type": 3, "textContent": "Old", "id": 601}
    page.change(
        adds=[
            {"parentId": page.ids["two"], "nextId": None, "node": button},
            {"parentId": 600, "nextId": None, "node": words},
        ]
    )
    page.change(texts=[{"id": 601, "value": "New"}])
    assert page.mirror.target_of(600).name == "New"
    page.change(removes=[{"parentId": 600, "id": 601}], adds=[{"parentId": 600, "nextId": None, "node": words}])
    assert page.mirror.target_of(600).name == "Old"


def test_elements_that_are_added_later_name_others():
    page = Page("<input key='one' id='e-mail'><input key='two' aria-labelledby='title-of-two'><p key='place'></p>")
    label = {"type": 2, "tagName": "label", "attributes": {"for": "e-mail"}, "childNodes": [], "id": 600}
    title = {"type": 2, "tagName": "b", "attributes": {"id": "title-of-two"}, "childNodes": [], "id": 610}
    page.change(
        adds=[
            {"parentId": page.ids["place"], "nextId": None, "node": label},
            {"parentId": 600, "nextId": None, "node": {"type": 3, "textContent": "E-mail", "id": 601}},
            {"parentId": page.ids["place"], "nextId": None, "node": title},
            {"parentId": 610, "nextId": None, "node": {"type": 3, "textContent": "Title", "id": 611}},
        ]
    )
    assert page.target("one").name == "E-mail"
    assert page.target("two").name == "Title"
    assert page.mirror.target_of(600).tag == "input"
    page.change(attributes=[{"id": 610, "attributes": {"id": "another"}}, {"id": 600, "attributes": {"for": "two"}}])
    assert (page.target("one").name, page.target("two").name) == ("", "")


def test_a_defect_in_naming_costs_only_names(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    page = Page(CART)
    monkeypatch.setattr(page_mirror, "target_of", broken)
    assert page.mirror.target_of(page.ids["pay"]) is None
    assert page.mirror.missed == {"failed": 1}
