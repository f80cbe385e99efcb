"""The tables of a page's nodes, compared with plain lists over long series of changes."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from audit.json_tape.uncompiled import Bytes, uncompiled

from services.audit.behaviour.targets import page_kernels, page_tree
from services.audit.behaviour.targets.page_tree import PageTree, TooManyNodes, UnreadablePage

SNAPSHOT, REMOVES, ADDS, TEXTS, CHANGED = range(5)
ROOT = 1


def apply(tree: PageTree, *parts: tuple[int, object]) -> None:
    text, log = b"", []
    for kind, value in parts:
        written = value if isinstance(value, bytes) else json.dumps(value).encode()
        log.append((kind, len(text), len(text) + len(written)))
        text += written
    tree.apply(text, log)


def element(number: int, **more) -> dict:
    return {"type": 2, "tagName": "div", "attributes": {"id": f"n{number}"}, "childNodes": [], **more, "id": number}


def words(number: int, text: str) -> dict:
    return {"type": 3, "textContent": text, "id": number}


def page(*nodes: dict) -> PageTree:
    tree = PageTree()
    apply(tree, (SNAPSHOT, {"type": 0, "childNodes": list(nodes), "id": ROOT}))
    return tree


def below(tree: PageTree, number: int) -> list[int]:
    node = tree.get(number)
    assert node is not None
    return [child.id for child in tree.children_of(node)]


class Model:
    """A page of lists: the ids of children by id."""

    def __init__(self) -> None:
        self.children: dict[int, list[int]] = {ROOT: []}
        self.parents: dict[int, int] = {}
        self.attributes: dict[int, dict[str, str]] = {}

    def inside(self, number: int) -> list[int]:
        return [number, *(each for child in self.children[number] for each in self.inside(child))]

    def remove(self, number: int) -> None:
        self.children[self.parents[number]].remove(number)
        for each in self.inside(number):
            self.children.pop(each)
            self.parents.pop(each)
            self.attributes.pop(each)

    def add(self, number: int, parent: int, following: int | None) -> None:
        siblings = self.children[parent]
        siblings.insert(siblings.index(following) if following is not None else len(siblings), number)
        self.children[number] = []
        self.parents[number] = parent
        self.attributes[number] = {"id": f"n{number}"}


@pytest.mark.parametrize("seed", range(6))
def test_a_page_is_what_its_changes_make_of_it(seed, monkeypatch):
    """Ids far apart, small, and negative; tables that grow; and texts that are swept often."""
    monkeypatch.setattr(page_tree, "SWEEP_BYTES", 2_000)
    monkeypatch.setattr(page_tree, "LARGE_BYTES", 2_000)
    chance, model, tree = random.Random(seed), Model(), page()
    fresh = iter(range(2, 10_000))
    for step in range(300):
        removes, adds, changed = [], [], []
        known = [each for each in model.children if each != ROOT]
        for _ in range(chance.randrange(3)):
            if known and (gone := chance.choice(known)) in model.parents:
                removes.append({"parentId": model.parents[gone], "id": gone})
                model.remove(gone)
        for _ in range(chance.randrange(8)):
            number = next(fresh) * chance.choice((1, -1, 2**40 + 1))
            parent = chance.choice(list(model.children))
            following = chance.choice([None, *model.children[parent]])
            model.add(number, parent, following)
            adds.append({"parentId": parent, "nextId": following, "node": element(number)})
        for number in chance.sample(sorted(model.attributes), min(len(model.attributes), 3)):
            change = {"class": f"c{step}", "id": chance.choice((None, f"m{step}"))}
            changed.append({"id": number, "attributes": change})
            model.attributes[number] = {name: value for name, value in change.items() if value is not None}
        apply(tree, (REMOVES, removes), (ADDS, adds), (CHANGED, changed))
        if step % 10 == 0:
            assert {number: below(tree, number) for number in model.children} == model.children
    for number, attributes in model.attributes.items():
        node = tree.get(number)
        assert node is not None
        assert tree.has(node)
        assert tree.attributes_of(node) == attributes
        if "id" in attributes:
            assert node in list(tree.elements_with("id", attributes["id"]))
    assert tree.size_bytes < 1_000_000


def test_siblings_that_wait_for_each_other_are_added_all_the_same():
    tree = page(element(2))
    order = [(12, 13), (11, 12), (10, 11), (13, None), (20, 21), (21, 20)]
    apply(tree, (ADDS, [{"parentId": 2, "nextId": after, "node": element(own)} for own, after in order]))
    assert below(tree, 2)[:4] == [10, 11, 12, 13]
    assert sorted(below(tree, 2)[4:]) == [20, 21]


def test_a_node_that_is_added_twice_is_where_it_was_added_last():
    tree = page(element(2), element(3, childNodes=[words(4, "x")]))
    apply(tree, (ADDS, [{"parentId": 2, "node": element(3)}]))
    assert (below(tree, ROOT), below(tree, 2), below(tree, 3)) == ([2], [3], [4])
    apply(tree, (ADDS, [{"parentId": 2, "node": element(9)}, {"parentId": ROOT, "node": element(9)}]))
    assert (below(tree, ROOT), below(tree, 2)) == ([2, 9], [3])


def test_the_document_itself_is_not_moved_into_the_page():
    tree = page(element(2))
    apply(tree, (ADDS, [{"parentId": 2, "node": {"type": 0, "childNodes": [], "id": ROOT}}]))
    assert (below(tree, ROOT), below(tree, 2)) == ([2], [])


def test_json_with_white_space_and_keys_in_any_order_is_read():
    tree = PageTree()
    snapshot = b""" { "id" : 1 , "childNodes" : [ { "attributes" : { "class" : "a \\"} ] \\\\" } , "id" : -7,
        "tagName" : "p" , "type" : 2, "childNodes" : [ ] , "childNodess": [1] } ] , "type" : 0 } """
    apply(tree, (SNAPSHOT, snapshot))
    node = tree.get(-7)
    assert node is not None
    assert (node.tag, tree.attributes_of(node), below(tree, 1)) == ("p", {"class": 'a "} ] \\'}, [-7])


def test_contents_that_are_not_shown_are_not_kept():
    title = {"type": 2, "tagName": "title", "attributes": {}, "childNodes": [words(8, "Chart")], "id": 7}
    tree = page({**element(2, childNodes=[element(3)]), "tagName": "head"}, title, {**title, "isSVG": True, "id": 9})
    assert (tree.get(3), below(tree, 2), below(tree, 7), below(tree, 9)) == (None, [], [], [8])


def test_a_node_with_very_many_children_and_changes_is_read():
    tree = page(element(2))
    apply(tree, (ADDS, [{"parentId": 2, "node": words(10 + each, "x")} for each in range(500)]))
    apply(tree, (CHANGED, [{"id": 2, "attributes": {"title": f"t{each}"}} for each in range(500)]))
    node = tree.get(2)
    assert node is not None
    assert below(tree, 2) == list(range(10, 510))
    assert tree.attributes_of(node)["title"] == "t499"


@pytest.mark.parametrize(
    "part",
    [
        (SNAPSHOT, b'{"type":0,"id":1'),
        (SNAPSHOT, b'{"type":0,"id":"1","childNodes":[]}'),
        (SNAPSHOT, b'{"type":0,"id":1,"childNodes":null}'),
        (ADDS, b'[{"parentId":1}]'),
        (ADDS, b'[{"parentId":1,"node":[]}]'),
        (ADDS, b'[{"parentId":1,"node":{"type":2,"tagName":7,"id":3}}]'),
        (ADDS, b'[{"parentId":1,"node":{"type":3,"textContent":[],"id":3}}]'),
        (REMOVES, b'{"id":1}'),
        (REMOVES, b'[{"id":null}]'),
        (TEXTS, b'[{"value":"x"}]'),
        (CHANGED, b'[["x"]]'),
        (CHANGED, b'"x'),
    ],
)
def test_json_of_another_form_is_refused(part):
    with pytest.raises(UnreadablePage):
        apply(page(element(2)), part)


class Checked:
    """The loops as plain Python, over bytes that may be read only where there are any."""

    def __init__(self) -> None:
        self._plain = uncompiled(page_kernels)

    def __getattr__(self, name: str):
        return getattr(self._plain, name)

    def apply(self, text, words, *others):
        with np.errstate(over="ignore"):
            return self._plain.apply(Bytes(text), Bytes(words), *others)


def test_any_bytes_are_refused_or_read_without_harm():
    chance, checked = random.Random(1), Checked()
    node = element(5, childNodes=[words(6, 'a"\\b')])
    parts = {
        SNAPSHOT: node,
        REMOVES: [{"parentId": 1, "id": 2}],
        ADDS: [{"parentId": 1, "nextId": None, "node": node}],
        TEXTS: [{"id": 2, "value": "x"}],
        CHANGED: [{"id": 2, "attributes": {"class": "x"}}],
    }
    read = refused = 0
    for _ in range(60):
        for kind, part in parts.items():
            whole = json.dumps(part).encode()
            text = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
            for _ in range(chance.randrange(3)):
                if text:
                    text[chance.randrange(len(text))] = chance.choice(b'"\\{}[]:,a1 ')
            tree = page(element(2))
            tree._compiled = checked
            try:
                apply(tree, (kind, bytes(text)))
                read += 1
            except UnreadablePage:
                refused += 1
    assert read
    assert refused


def test_a_page_with_too_many_nodes_is_refused_before_memory_is(monkeypatch):
    monkeypatch.setattr(page_tree, "MAX_NODES", 50)
    tree = page(element(2))
    with pytest.raises(TooManyNodes):
        apply(tree, (ADDS, [{"parentId": 2, "node": words(10 + each, "x")} for each in range(5_000)]))
    assert tree.size_bytes < 1_000_000


def test_the_kinds_of_the_log_have_equal_numbers_everywhere():
    kinds = page_kernels.SNAPSHOT, page_kernels.REMOVES, page_kernels.ADDS, page_kernels.TEXTS, page_kernels.CHANGED
    assert kinds == (SNAPSHOT, REMOVES, ADDS, TEXTS, CHANGED)
