from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from audit.json_tape.uncompiled import Bytes, uncompiled
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples
from support.wait import PATIENCE_S

from services.audit.json_tape import kernels, key_table, tape
from services.audit.json_tape.counting import count_parts
from services.audit.json_tape.tape import ABSENT, EventRow, Look, Part, Row, StringRow, TapeKind, Task, Walk, Walker
from services.audit.payload import decode_chunk

WALKER = Walker(
    tags=["input", "textarea"],
    watched=["value", "type"],
    quiet=["class", "d", "width"],
    asked=["data-mask", "an-attribute-with-a-name-beyond-24-bytes"],
    asked_tags=["blockquote"],
    classes=["secret", "rr-mask"],
    fields=["contenteditable"],
    kinds=["role"],
    kind_words=["textbox", "cc-"],
    inline=["b"],
)
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
NO_NODES = np.zeros((0, 3), np.int64)


class ParsedNode(msgspec.Struct):
    id: int
    type: int
    tag: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="tagName")
    children: list[ParsedNode] | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="childNodes")


class ParsedAdd(msgspec.Struct):
    node: ParsedNode | msgspec.UnsetType = msgspec.UNSET
    parent: int | None = msgspec.field(default=None, name="parentId")


class TextChange(msgspec.Struct):
    id: int


class AttributeChange(msgspec.Struct):
    id: int
    attributes: msgspec.Raw


class Remove(msgspec.Struct):
    id: int | None = None


class ParsedData(msgspec.Struct):
    """Expected form of the `data` of snapshots and changes."""

    source: int | None = None
    id: int | None = None
    texts: list[TextChange] = []
    attributes: list[AttributeChange] = []
    removes: list[Remove] = []
    adds: list[ParsedAdd] = []
    node: ParsedNode | msgspec.UnsetType = msgspec.UNSET
    plugin: str | None = None


def walked(text: bytes, *, every: bool = False) -> Walk:
    return WALKER.walk(text, len(json.loads(text)), every=every)


def test_columns_and_numbers_are_the_same_in_what_is_compiled():
    for prefix, row in (("E_", EventRow), ("R_", Row), ("S_", StringRow)):
        assert [getattr(kernels, prefix + name.upper()) for name in row._fields] == list(range(len(row._fields)))
    assert len(EventRow._fields) == kernels.E_WIDTH
    for group in (TapeKind, Task):
        for name, number in vars(group).items():
            if name.isupper():
                assert getattr(kernels, name) == number
    for group, prefix in ((Look, "LOOK_"), (Part, "_")):
        for name, number in vars(group).items():
            if name.isupper():
                assert getattr(kernels, prefix + name) == number
    assert kernels.ABSENT == ABSENT
    for name in ("QUIET", "WATCHED", "ASKED", "CLASS", "TAG", "ASKED_TAG", "FIELD", "KIND", "INLINE", "CLICK", "LABEL"):
        assert getattr(kernels, f"B_{name}") == getattr(key_table.NameBit, name)
    numbers = {
        "parentId": "PARENT",
        "tagName": "TAG",
        "textContent": "TEXT_CONTENT",
        "childNodes": "CHILDREN",
        "nextId": "NEXT",
        "rootId": "ROOT",
        "isSVG": "SVG",
        "isShadow": "SHADOW",
    }
    for name, number in key_table.STRUCTURE.items():
        assert getattr(kernels, f"N_{numbers.get(name, name.upper())}") == number


def nodes_of(event: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Returns the expected rows of an event, in the order of the text."""
    found: list[tuple[Any, ...]] = []

    def tree(node: dict[str, Any], parent: int, up: int) -> None:
        place = len(found)
        found.append((
            TapeKind.NODE, node["id"], parent, up, node.get("tagName"), node.get("attributes"), node.get("textContent"),
        ))  # fmt: skip
        for key, value in node.items():
            if key == "childNodes":
                for child in value:
                    tree(child, ABSENT, place)

    data = event["data"]
    if event["type"] == 2:
        tree(data["node"], ABSENT, -1)
        return found
    for key, value in data.items():
        for each in value if key in {"adds", "texts", "attributes", "removes"} else ():
            if key == "adds" and "node" in each:
                parent = each.get("parentId")
                tree(each["node"], ABSENT if parent is None else parent, -1)
            elif key == "texts":
                found.append((TapeKind.TEXT, each["id"], ABSENT, -1, None, None, each.get("value")))
            elif key == "attributes":
                found.append((TapeKind.CHANGE, each["id"], ABSENT, -1, None, each["attributes"], None))
            elif key == "removes" and each.get("id") is not None:
                found.append((TapeKind.REMOVE, each["id"], ABSENT, -1, None, None, None))
    return found


def assert_walk_is_right(text: bytes) -> None:
    """Compares a walk with the results of json.loads and msgspec."""
    events = json.loads(text)
    walk = walked(text, every=True)
    strings = [StringRow(*each) for each in walk.strings.tolist()]
    assert [(each.start, each.end) for each in strings] == [match.span() for match in STRING.finditer(text)]
    for number, event in enumerate(events):
        row = walk.event(number)
        assert json.loads(text[row.start : row.end]) == event
        for each in strings:
            assert (each.event == number) == (row.start <= each.start < row.end)
        tasks = [task for at, task, _ in walk.choose(number, 0, 0, NO_NODES, every=True)[0] if at == number]
        if Task.ODD in tasks:
            continue
        assert row.type == event["type"]
        assert (row.data >= 0) == ("data" in event)
        if "data" not in event:
            continue
        kind, data = event["type"], event["data"]
        if kind not in {2, 3}:
            continue
        try:
            known = msgspec.json.decode(text[row.data : row.data_end], type=ParsedData)
            good = kind == 3 or known.node is not msgspec.UNSET
        except msgspec.MsgspecError:
            good = False
        assert (Task.WHOLE not in tasks) == good
        if not good:
            continue
        assert row.source == (ABSENT if data.get("source") is None else data["source"])
        if kind == 3 and (data.get("source") != 0 or "node" in data):
            continue  # a mutation has no node of its own: the walk lists one all the same
        expected = nodes_of(event)
        places = range(row.rows, row.rows_end)
        assert len(places) == len(expected)
        for place, (its_kind, its_id, parent, up, tag, attributes, content) in zip(places, expected, strict=True):
            its = walk.row(place)
            assert (its.event, its.kind, its.id, its.parent) == (number, its_kind, its_id, parent)
            assert its.up == (-1 if up < 0 else row.rows + up)
            for start, end, value in (
                (its.tag, its.tag_end, tag),
                (its.attributes, its.attributes_end, attributes),
                (its.text, its.text_end, content),
            ):
                if start >= 0:
                    assert json.loads(text[start:end]) == value
                else:
                    assert value is None
            if isinstance(attributes, dict):
                members = walk.members(its.attributes, its.attributes_end)
                assert {key: json.loads(text[slice(*span)]) for key, span in members.items()} == attributes


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
def test_recordings_are_walked_through_as_json_reads_them(path):
    """Large recordings are shortened; with --campaign they are not, and those of more than 400 KB left out."""
    events = recordings.shortened(path)[:60]
    text = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) < 400_000:
        assert_walk_is_right(text)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["div", "INPUT", "blockquote", "a secret", 'quote"d', "back\\slash", "\u2028 secret", "é"])
)
keys = st.sampled_from(
    [*key_table.STRUCTURE, "class", "data-mask", "nextId", "an-attribute-with-a-name-beyond-24-bytes"]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)
ids = st.integers(1, 30)
node = st.recursive(
    st.fixed_dictionaries({"id": ids, "type": st.integers(0, 5)}, optional={"textContent": anything}),
    lambda inner: st.fixed_dictionaries(
        {"id": ids, "type": st.just(2)},
        optional={
            "tagName": st.text(max_size=4) | st.sampled_from(["div", "INPUT"]),
            "attributes": st.dictionaries(keys, scalars, max_size=3),
            "childNodes": st.lists(inner, max_size=3),
        },
    ),
    max_leaves=6,
)
lists = {
    "adds": st.lists(
        st.fixed_dictionaries({}, optional={"node": node, "parentId": ids | st.none(), "x": anything}), max_size=3
    ),
    "texts": st.lists(st.fixed_dictionaries({"id": ids}, optional={"value": anything}), max_size=2),
    "attributes": st.lists(st.fixed_dictionaries({"id": ids, "attributes": anything}), max_size=2),
    "removes": st.lists(st.fixed_dictionaries({}, optional={"id": ids | st.none()}), max_size=2),
}
data = (
    anything
    | st.fixed_dictionaries({"source": st.integers(0, 9)}, optional=lists)
    | st.fixed_dictionaries({"source": st.just(0)}, optional=lists)
    | st.fixed_dictionaries({"node": node | anything}, optional={"source": scalars})
    | st.dictionaries(keys, anything, max_size=4)
)
event = st.fixed_dictionaries(
    {"type": st.sampled_from([2, 3, 3, 3, 4, 5]), "timestamp": st.integers(1, 2**45)},
    optional={"data": data, "text": anything},
)


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """Events as JSON: with white space, escapes, and keys in any order."""
    chance = random.Random(draw(st.integers(0, 2**20)))
    shuffles, share = draw(st.booleans()), draw(st.sampled_from([0.0, 0.0, 0.05]))

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            if shuffles:
                chance.shuffle(items)
            return {key: shuffled(each) for key, each in items}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    def escaped(match: re.Match[str]) -> str:
        if "\\" in match[0]:
            return match[0]
        return "".join(f"\\u{ord(c):04x}" if c != '"' and chance.random() < share else c for c in match[0])

    text = json.dumps(
        shuffled(draw(st.lists(event, max_size=4))),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])),
    )
    text = re.sub(r'"(?:[^"\\]|\\.)*"', escaped, text)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


@settings(max_examples=examples(80, 800), deadline=None)
@given(chunks())
def test_any_events_are_walked_through_as_json_reads_them(text):
    assert_walk_is_right(text)


@settings(max_examples=examples(30, 300), deadline=None)
@given(chunks(), st.booleans(), st.sampled_from([64, 4096]))
def test_no_byte_is_read_that_is_not_there_and_what_is_compiled_does_the_same(text, every, room):
    tables = [
        np.zeros((size, width), np.int64)
        for size, width in ((8, kernels.E_WIDTH), (room, len(Row._fields)), (room, 6), (64, 6))
    ]
    copies = [table.copy() for table in tables]
    its = (WALKER._names, WALKER._tags, WALKER._words, WALKER._word_places)
    plain = uncompiled(kernels)
    end = len(text)
    while end >= 0:  # also of texts that end too early
        part = text[:end]
        with np.errstate(over="ignore"):
            told = plain.walk(Bytes(part), *its, *copies, every)
        assert kernels.walk(np.frombuffer(part, np.uint8), *its, *tables, every) == told
        for table, copy in zip(tables[:3], copies[:3], strict=True):
            assert (table == copy).all()
        end = end - 1 if end < 20 else end // 2 - 7


@settings(max_examples=examples(50, 500), deadline=None)
@given(
    chunks() | st.lists(st.sampled_from([b'"', b"\\", b"\\ud83d", b"\\udc00", b"[", b"}", b",", b"u"])).map(b"".join)
)
def test_counting_and_replacing_read_no_byte_that_is_not_there(text):
    plain = uncompiled(kernels)
    for end in (len(text), len(text) // 2, len(text) // 3):
        part = text[:end]
        assert kernels.count(np.frombuffer(part, np.uint8)) == plain.count(Bytes(part))
        copy, again = bytearray(part), bytearray(part)
        assert kernels.replace_halves(np.frombuffer(copy, np.uint8)) == plain.replace_halves(again)
        assert copy == again


def test_as_many_parts_are_counted_as_json_has():
    for path in recordings.paths():
        events = recordings.events(path)
        values, strings, pending = 0, 0, [events]
        while pending:
            value = pending.pop()
            values += 1 if not isinstance(value, list | dict) or value else 2
            strings += isinstance(value, str) + (len(value) if isinstance(value, dict) else 0)
            pending += value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        text = json.dumps(events).encode()
        assert count_parts(text) == (values, strings, len(events)), path


def test_more_than_there_is_room_for_is_walked_through_once_more():
    many = [{"id": 1} for _ in range(3000)]
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    text = json.dumps([{"type": 3, "data": {"source": 0, "removes": many, "y": deep}, "timestamp": 1}])
    walk = walked(text.replace(" ", "").encode(), every=True)
    row = walk.event(0)
    assert row.rows_end - row.rows == 3000
    assert len(walk.strings) == text.count('"') // 2


def rows(text: str, *, type_: int = 2) -> list[Row]:
    whole = f'[{{"type":{type_},"data":{{"node":{text}}},"timestamp":1}}]'.encode()
    walk = walked(whole)
    its = walk.event(0)
    return [walk.row(place) for place in range(its.rows, its.rows_end)]


@pytest.mark.parametrize(
    ("node", "look"),
    [
        ('{"id":1,"type":2,"tagName":"input"}', Look.TAG),
        ('{"id":1,"type":2,"tagName":"INPUT"}', Look.TAG),
        (r'{"id":1,"type":2,"tagName":"inpu\u0074"}', Look.TAG | Look.SELECT),
        ('{"id":1,"type":2,"tagName":"inputs"}', 0),
        ('{"id":1,"type":2,"tagName":"BlockQuote"}', Look.SELECT),
        ('{"id":1,"type":2,"attributes":{"data-mask":""}}', Look.SELECT | Look.CHANGE),
        ('{"id":1,"type":2,"attributes":{"an-attribute-with-a-name-beyond-24-bytes":1}}', Look.SELECT | Look.CHANGE),
        (r'{"id":1,"type":2,"attributes":{"data-mas\u006b":""}}', Look.SELECT | Look.CHANGE),
        ('{"id":1,"type":2,"attributes":{"data-masks":""}}', 0),
        ('{"id":1,"type":2,"attributes":{"class":"a secret"}}', Look.SELECT | Look.CHANGE),
        ('{"id":1,"type":2,"attributes":{"class":"secret b"}}', Look.SELECT | Look.CHANGE),
        ('{"id":1,"type":2,"attributes":{"class":"a\u00a0secret\u2003b"}}', Look.SELECT | Look.CHANGE),
        (r'{"id":1,"type":2,"attributes":{"class":"a\tsecret"}}', Look.SELECT | Look.CHANGE),
        ('{"id":1,"type":2,"attributes":{"class":"secrets no-secret"}}', 0),
        ('{"id":1,"type":2,"attributes":{"value":"","x":"secret"}}', Look.CHANGE),
    ],
)
def test_what_may_matter_of_a_node_is_seen(node, look):
    assert [row.look & ~(Look.CLICK | Look.LABEL) for row in rows(node)] == [look]


@pytest.mark.parametrize(
    ("node", "look"),
    [
        ('{"id":1,"type":2,"tagName":"button"}', Look.CLICK),
        ('{"id":1,"type":2,"tagName":"A"}', Look.CLICK),
        ('{"id":1,"type":2,"tagName":"div"}', 0),
        ('{"id":1,"type":2,"attributes":{"role":""}}', Look.CLICK),
        ('{"id":1,"type":2,"attributes":{"onclick":1}}', Look.CLICK),
        ('{"id":1,"type":2,"attributes":{"x":{"role":""}}}', 0),
        ('{"id":1,"type":2,"tagName":"label"}', Look.LABEL),
        (r'{"id":1,"type":2,"tagName":"\u0061"}', Look.CLICK | Look.LABEL),
    ],
)
def test_what_may_be_clicked_is_seen(node, look):
    assert [row.look & (Look.CLICK | Look.LABEL) for row in rows(node)] == [look]


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":3,"data":{"source":5,"source":0}}',
        '{"type":3,"data":{"source":0,"texts":[{"id":1,"value":"a","value":"b"}]}}',
        '{"type":3,"data":{"source":0,"adds":[{"node":{"id":1,"type":2,"id":2}}]}}',
        '{"type":3,"data":{},"data":{"source":0}}',
        r'{"type":3,"dat\u0061":{"source":0}}',
        r'{"type":3,"data":{"sourc\u0065":0}}',
        r'{"type":3,"data":{"source":0,"removes":[{"\u0069d":1}]}}',
    ],
)
def test_keys_that_stand_twice_or_hide_make_an_event_odd(raw):
    text = f'[{raw[:-1]},"timestamp":1}}]'.encode()
    assert walked(text).choose(0, 0, 0, NO_NODES, every=False)[0] == [[0, Task.ODD, -1]]


def test_rows_that_name_a_node_are_chosen_in_the_order_in_which_they_happen():
    change = {
        "source": 0,
        "attributes": [{"id": 7, "attributes": {"x": "1"}}, {"id": 8, "attributes": {}}],
        "texts": [{"id": 8, "value": "a"}, {"id": 7, "value": "b"}, {"id": 30, "value": "below what is added"}],
        "adds": [
            {"parentId": 7, "node": {"id": 9, "type": 3}},
            {
                "parentId": 8,
                "node": {"id": 20, "type": 2, "tagName": "textarea", "childNodes": [{"id": 30, "type": 3}]},
            },
            {"parentId": 20, "node": {"id": 31, "type": 3}},
            {"parentId": 8, "node": {"id": 32, "type": 3}},
        ],
        "removes": [{"id": 7, "parentId": 1}, {"id": 8, "parentId": 1}],
    }
    text = json.dumps([{"type": 3, "data": change, "timestamp": 1}]).encode()
    walk = walked(text)
    tasks, following = walk.choose(0, 0, 0, np.array([(7, 1, 2)], np.int64), every=False)
    assert [(task, walk.row(place).id) for _, task, place in tasks] == [
        (Task.REMOVE, 7), (Task.NODE, 9), (Task.NODE, 20), (Task.NODE, 30), (Task.NODE, 31),
        (Task.TEXT, 7), (Task.TEXT, 30), (Task.CHANGE, 7),
    ]  # fmt: skip
    assert following == 1


def test_other_than_what_was_decoded_is_refused():
    decoded = decode_chunk(b'[{"type":1,"timestamp":1}]')
    with pytest.raises(ValueError, match="walk"):
        WALKER.walk(b"[]", len(decoded.events))
    with pytest.raises(ValueError, match="walk"):
        tape.Walker().walk(decoded.text, 0)


@given(st.sets(st.text(st.sampled_from("ab-"), min_size=1, max_size=30) | st.text(min_size=1, max_size=8), max_size=60))
def test_names_that_are_nearly_alike_are_told_from_each_other(some):
    known = {name: number for number, name in enumerate(sorted(some), 1) if len(name.encode()) <= 24}
    its = key_table.table(known)
    for name in some:
        text = json.dumps(name, ensure_ascii=False).encode() + b":"
        if b"\\" not in text:
            place, _, value = kernels.find_name(np.frombuffer(text, np.uint8), 1, len(text), its, False)
            assert (place, value) == (len(text) - 2, known.get(name, 0))


def test_who_masks_nothing_does_not_load_the_compiler():
    code = (
        "import sys, services.cli.app, services.audit.privacy.masking.masker\n"
        "from services.audit.domain_settings import policies_in_force\n"
        "from services.audit.ingest.process_chunk import InlineProcessor\n"
        "from services.audit.privacy.registry import Policies\n"
        "from services.runtime.settings.loader import load_settings\n"
        "InlineProcessor(Policies(policies_in_force(load_settings(auth={'secret': 's' * 32}))).chunk_masker, None)\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)


def joined(*nodes: dict[str, Any]) -> list[list[str]]:
    """Returns the texts that are joined in a snapshot with these children of its root."""
    root = {"type": 2, "tagName": "p", "attributes": {}, "childNodes": list(nodes), "id": 1}
    text = json.dumps([{"type": 2, "data": {"node": root}, "timestamp": 1}], separators=(",", ":")).encode()
    walk = walked(text)
    rows = [[walk.row(place) for place, _ in each] for each in walk.joined()]
    return [[json.loads(text[row.text : row.text_end]) for row in each] for each in rows]


def test_texts_are_joined_within_a_block_only():
    texts = [{"type": 3, "textContent": f"{number}@", "id": 10 + number} for number in range(5)]
    inline = {"type": 2, "tagName": "b", "attributes": {}, "childNodes": [texts[1]], "id": 2}
    block = {"type": 2, "tagName": "div", "attributes": {}, "childNodes": [texts[2], texts[3]], "id": 3}
    assert joined(texts[0], inline, {"type": 5, "textContent": "", "id": 4}, texts[2]) == [["0@", "1@", "2@"]]
    assert joined(texts[0], block, texts[4]) == [["2@", "3@"]]
    assert joined(texts[0], inline, block, inline, texts[4]) == [["0@", "1@"], ["2@", "3@"], ["1@", "4@"]]
    assert joined(texts[0]) == []
    long = {"type": 3, "textContent": "@" + "x" * 2_000, "id": 5}
    assert joined(texts[0], long, texts[1]) == [["0@", long["textContent"]], [long["textContent"], "1@"]]


def test_elements_with_a_value_are_found():
    for attributes in ({"contenteditable": True}, {"role": "a TextBox"}, {"role": "cc-x"}, {"role": "x" * 200}):
        for look, its in ((Look.TAG, attributes), (0, {"title": "textbox"})):
            node = {"type": 2, "tagName": "div", "attributes": its, "childNodes": [], "id": 1}
            walk = walked(json.dumps([{"type": 2, "data": {"node": node}, "timestamp": 1}]).encode())
            assert walk.row(0).look & ~Look.CLICK == look
