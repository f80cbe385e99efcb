"""A mirror finds the same after random mutations as after a new snapshot of the changed page."""

from __future__ import annotations

import json
import random
from itertools import count
from typing import Any

import msgspec
import pytest

from services.audit.behaviour.targets import page_tree
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.rrweb import Data

DOCUMENT, HTML, BODY = 1, 2, 3
TAGS = ["div", "p", "span", "button", "a", "ul", "li", "input", "label", "fieldset", "legend", "table", "svg"]
VALUES: dict[str, list[Any]] = {
    "id": ["basket", "total", "e-mail", "r:1:"],
    "class": ["card", "price big", "css-1x2y3z", "active"],
    "for": ["e-mail", "total"],
    "aria-label": ["Close", "Menu"],
    "aria-labelledby": ["total", "basket e-mail"],
    "href": ["/cart", "/orders/12345", "#top"],
    "hidden": [True],
    "type": ["text", "submit", "radio"],
    "name": ["size", "cc"],
    "data-testid": ["pay", "list-7f3a9c1e2b"],
}

_data = msgspec.json.Decoder(Data)


class Document:
    """A page that changes at random, and the mutations that rrweb records of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ids = count(BODY + 1)
        self.nodes: dict[int, dict[str, Any]] = {}
        self.children: dict[int, list[int]] = {}
        self.parents: dict[int, int] = {}
        self._put(DOCUMENT, {"type": 0}, 0)
        self._put(HTML, {"type": 2, "tagName": "html", "attributes": {}}, DOCUMENT)
        self._put(BODY, {"type": 2, "tagName": "body", "attributes": {}}, HTML)
        for _ in range(12):
            self._grow(self._element())

    def snapshot(self, own: int = DOCUMENT) -> dict[str, Any]:
        """The node with its contents, as rrweb serialises them."""
        node = {**self.nodes[own], "id": own}
        if node["type"] != 3:
            node["childNodes"] = [self.snapshot(child) for child in self.children[own]]
        return node

    def mutation(self) -> Data:
        """Changes the page."""
        lists: dict[str, list[Any]] = {"removes": [], "adds": [], "texts": [], "attributes": []}
        for _ in range(self.random.randint(1, 2)):
            others = [own for own in self.nodes if own > BODY]
            kind = self.random.choice(["remove", "add", "add", "move", "text", "attributes"]) if others else "add"
            if kind == "add":
                lists["adds"] += self._additions(self._grow(self._element()))
            elif kind == "remove":
                own = self.random.choice(others)
                lists["removes"].append({"parentId": self.parents[own], "id": own})
                # rrweb does not record additions inside of it.
                gone = set(self._inside(own))
                self._drop(own)
                lists["adds"] = [add for add in lists["adds"] if add["node"]["id"] not in gone]
                for add in lists["adds"]:
                    add["nextId"] = self._next(add["node"]["id"])
            elif kind == "move":
                own = self.random.choice(others)
                inside = set(self._inside(own))
                targets = [one for one, node in self.nodes.items() if node["type"] == 2 and one not in inside]
                targets = [one for one in targets if one >= BODY]
                if lists["adds"] or lists["removes"]:
                    continue  # rrweb sends the additions of a mutation in one order
                self.children[self.parents[own]].remove(own)
                self._place(own, self.random.choice(targets))
                lists["adds"] += self._additions(own)
            elif kind == "text":
                texts = [own for own in others if self.nodes[own]["type"] == 3]
                if texts:
                    own = self.random.choice(texts)
                    self.nodes[own]["textContent"] = self._words()
                    lists["texts"].append({"id": own, "value": self.nodes[own]["textContent"]})
            else:
                elements = [own for own in others if self.nodes[own]["type"] == 2]
                if elements:
                    own = self.random.choice(elements)
                    name = self.random.choice(list(VALUES))
                    attributes = self.nodes[own]["attributes"] = {**self.nodes[own]["attributes"]}
                    value = self.random.choice([None, *VALUES[name]])
                    attributes.pop(name, None)
                    if value is not None:
                        attributes[name] = value
                    lists["attributes"].append({"id": own, "attributes": {name: value}})
        return _data.decode(json.dumps({"source": 0, **lists}))

    def _element(self) -> int:
        return self.random.choice([own for own, node in self.nodes.items() if node["type"] == 2 and own >= BODY])

    def _words(self) -> str:
        return self.random.choice(["Pay", "Total", "Delete item", "3", " "])

    def _grow(self, parent: int, depth: int = 0) -> int:
        own = next(self.ids)
        if self.random.random() < 0.3:
            self._put(own, {"type": 3, "textContent": self._words()}, parent)
            return own
        names = self.random.sample(list(VALUES), self.random.randint(0, 2))
        attributes = {name: self.random.choice(VALUES[name]) for name in names}
        self._put(own, {"type": 2, "tagName": self.random.choice(TAGS), "attributes": attributes}, parent)
        for _ in range(self.random.randint(0, 3) if depth < 2 else 0):
            self._grow(own, depth + 1)
        return own

    def _put(self, own: int, node: dict[str, Any], parent: int) -> None:
        self.nodes[own] = node
        self.children[own] = []
        if parent:
            self._place(own, parent)

    def _place(self, own: int, parent: int) -> None:
        siblings = self.children[parent]
        siblings.insert(self.random.randint(0, len(siblings)), own)
        self.parents[own] = parent

    def _inside(self, own: int) -> list[int]:
        return [own, *(each for child in self.children[own] for each in self._inside(child))]

    def _drop(self, own: int) -> None:
        self.children[self.parents[own]].remove(own)
        for each in self._inside(own):
            del self.nodes[each]

    def _next(self, own: int) -> int | None:
        siblings = self.children[self.parents[own]]
        after = siblings[siblings.index(own) + 1 :]
        return after[0] if after else None

    def _additions(self, own: int) -> list[dict[str, Any]]:
        """Contents after their parents, the last sibling first."""
        node = {**self.nodes[own], "id": own, **({"childNodes": []} if self.nodes[own]["type"] == 2 else {})}
        first = {"parentId": self.parents[own], "nextId": self._next(own), "node": node}
        return [first, *(add for child in self.children[own][::-1] for add in self._additions(child))]


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_page_has_the_targets_of_its_new_snapshot(seed, monkeypatch):
    monkeypatch.setattr(page_tree, "SETTLE_BYTES", 20_000 if seed % 3 else 10**9)

    page = Document(seed)
    mirror = PageMirror()
    mirror.begin(msgspec.Raw(json.dumps(page.snapshot()).encode()))
    chance = random.Random(seed)
    for number in range(120):
        mirror.changes.append((0, page.mutation(), None))
        if number == 119 or chance.random() < 0.15:
            new = PageMirror()
            new.begin(msgspec.Raw(json.dumps(page.snapshot()).encode()))
            found = {own: mirror.target_of(own) for own in page.nodes}
            assert found == {own: new.target_of(own) for own in page.nodes}
            assert not mirror.lost
