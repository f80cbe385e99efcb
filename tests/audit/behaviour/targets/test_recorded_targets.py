"""Targets in real recordings: clicked elements have a name, or a selector that a person accepts."""

from __future__ import annotations

import itertools
import re
from urllib.parse import urlsplit

import msgspec
import pytest
from audit.behaviour_events import recorded, recording_names
from support.recordings import SAMPLES, paths, text

from services.audit.behaviour.dom_nodes import decode_tree
from services.audit.behaviour.targets import page_mirror, target
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.behaviour.targets.page_tree import PageTree
from services.audit.behaviour.targets.roles import is_interactive
from services.audit.behaviour.targets.target import target_of
from services.audit.rrweb import Event

ACCEPTED = re.compile(r"[#\[]|\.[a-z]", re.IGNORECASE)
"""A selector with a name that people gave; positions alone tell a person nothing."""

_events = msgspec.json.Decoder(list[Event])


def clicked(events, monkeypatch):
    """The targets of clicks on something interactive, once per element."""
    found, seen = [], []
    describe = target.target_of

    def noted(tree, node_id):
        described = describe(tree, node_id)
        node = tree.node(node_id)
        while node is not None and not (node.type == 2 and is_interactive(tree, node)):
            node = tree.parent_of(node)
        if node is not None and described is not None and described not in seen:
            seen.append(described)
            found.append(described)
        return described

    monkeypatch.setattr(page_mirror, "target_of", noted)
    mirror = PageMirror()
    for event in events:
        data = event.data
        if event.type == 2:
            mirror.begin(data.node)
        elif event.type == 3 and data is not None:
            if data.source == 0:
                mirror.changes.append((0, data, None))
            elif (data.source == 2 and data.type in {2, 3, 4, 7}) or data.source == 5:
                mirror.target_of(data.id or 0)
    return found


def test_clicks_of_the_demo_have_names(monkeypatch):
    for path in sorted(SAMPLES.glob("*.json.gz")):
        found = clicked(_events.decode(text(path)), monkeypatch)
        assert found, path
        assert all(one.name or ACCEPTED.search(one.selector) for one in found), path


def test_nearly_all_clicks_of_the_recordings_have_names(monkeypatch):
    names = recording_names()
    recorded(names[0])  # skips where they are missing
    found = [one for name in names for one in clicked(recorded(name), monkeypatch)]
    accepted = [one for one in found if one.name or ACCEPTED.search(one.selector)]
    assert len(found) >= 100
    assert len(accepted) >= 0.95 * len(found)


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_targets_keep_the_limits_of_the_contract(path, monkeypatch):
    for one in clicked(_events.decode(text(path)), monkeypatch):
        assert len(one.name) <= 80
        assert 0 < len(one.selector) <= 256
        assert one.tag == one.tag.lower()


def test_an_element_has_the_same_selector_in_nearly_all_visits():
    """Elements are the same where their place among the elements of the page is, and the address that they link to."""
    pages = {}
    for path in paths():
        for page, elements in _interactive(_events.decode(text(path))):
            pages.setdefault((path.name.partition("-")[0], page), []).append(elements)
    pairs = [
        (one[place], other[place])
        for visits in pages.values()
        for one, other in itertools.combinations(visits, 2)
        for place in one.keys() & other.keys()
    ]
    assert len(pairs) >= 200
    assert sum(one == other for one, other in pairs) >= 0.99 * len(pairs)


def _interactive(events):
    """Yields the path of each page that was opened, and the selectors of its interactive elements by their places."""
    href = ""
    for event in events:
        if event.type == 4:
            href = event.data.href
        elif event.type == 2 and urlsplit(href).path.startswith("/"):
            node = bytes(event.data.node)
            nodes = [decode_tree(node)]
            tree = PageTree(nodes[0], len(node))
            for one in nodes:  # it grows
                nodes += tree.children_of(one)
            elements = [node for node in nodes if node.type == 2 and is_interactive(tree, node)]
            yield (
                urlsplit(href).path,
                {
                    (_place(tree, node), tree.attributes_of(node).get("href")): found.selector
                    for node in elements
                    if (found := target_of(tree, node.id)) is not None
                },
            )


def _place(tree, node):
    steps = []
    while node is not None:
        parent = tree.parent_of(node)
        siblings = [node] if parent is None else tree.elements_of(parent)
        steps.append((node.tag, next((at for at, one in enumerate(siblings) if one is node), -1)))
        node = parent
    return tuple(steps)
