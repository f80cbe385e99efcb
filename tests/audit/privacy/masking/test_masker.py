from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from audit.canaries import has_page, leaks, plant
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.audit.privacy.masking.masker import MASK, Masker, MaskState
from services.audit.privacy.masking.node_flags import MAX_NODES, expand
from services.audit.privacy.policy.parser import load_policy

KEY = b"k" * 32


def masker(base: dict[str, Any] | None = None) -> Masker:
    return Masker(load_policy(base or {}, None, "test"), KEY)


DEFAULT, STRICT = masker(), masker({"preset": "strict"})


def node(tag: str, number: int, attributes: dict[str, Any] | None = None, *children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 2, "tagName": tag, "attributes": attributes or {}, "childNodes": list(children), "id": number}


def words(number: int, text: str) -> dict[str, Any]:
    return {"type": 3, "textContent": text, "id": number}


def snapshot(*body: dict[str, Any]) -> dict[str, Any]:
    html = node("html", 2, {}, node("head", 3), node("body", 4, {}, *body))
    document = {"type": 0, "childNodes": [html], "id": 1}
    return {
        "type": 2,
        "data": {"node": document, "initialOffset": {"left": 0, "top": 0}},
        "timestamp": 1_700_000_000_000,
    }


def change(**data: Any) -> dict[str, Any]:
    return {
        "type": 3,
        "data": {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [], **data},
        "timestamp": 1_700_000_000_001,
    }


def typed(number: int, text: str) -> dict[str, Any]:
    return {
        "type": 3,
        "data": {"source": 5, "text": text, "isChecked": False, "id": number},
        "timestamp": 1_700_000_000_002,
    }


def pack(*events: Any) -> bytes:
    return json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode()


def run(which: Masker, *chunks: bytes) -> tuple[list[Any], MaskState]:
    state, events = MaskState(), []
    for chunk in chunks:
        masked = which.mask(state, chunk)
        state = masked.state
        events += json.loads(masked.text)
    return events, state


def has_canaries(path: Path) -> bool:
    return path in recordings.varied() and has_page(recordings.shortened(path))


NAMED = {path.name.partition(".")[0]: path for path in recordings.paths()}
NAMES = ["plain", *NAMED]
SOME_NAMES = pytest.mark.catalogue("plain", *(path.name.partition(".")[0] for path in recordings.sample()))
PLANTED = ["plain", *(name for name, path in NAMED.items() if has_canaries(path))]
"""Names of the samples in which canaries are planted."""


def sample(name: str) -> list[dict[str, Any]]:
    """Returns the events of a sample; read when a test wants them, as each process of tests loads this module."""
    if name != "plain":
        return recordings.shortened(NAMED[name])
    return [
        snapshot(node("p", 5, {}, words(6, "Hello")), node("input", 7, {"type": "text"})),
        change(texts=[{"id": 6, "value": "x"}]),
    ]


def skeleton(value: Any) -> Any:
    """Returns everything of an event that masking must not change: numbers, shape, and node ids."""
    if isinstance(value, dict):
        return {key: skeleton(each) for key, each in value.items() if key not in {"payload", "selected"}}
    if isinstance(value, list):
        return [skeleton(each) for each in value]
    return "" if isinstance(value, str) else value


def test_all_recordings_but_one_have_a_page_to_plant_in():
    assert sum(has_page(sample(name)) for name in NAMES) >= len(NAMES) - 1


@pytest.mark.campaign
@pytest.mark.parametrize("which", [DEFAULT, STRICT], ids=["default", "strict"])
@SOME_NAMES
@pytest.mark.parametrize("name", NAMES)
def test_no_canary_survives_in_any_field_of_any_recording(which, name):
    """In some recordings; the others are masked without canaries. With --campaign in all of them, unabridged."""
    events = sample(name)
    planted, canaries = plant(events) if name in PLANTED else (events, [])
    text = pack(*planted)
    assert len(leaks(text, canaries)) == len(canaries)
    masked = which.mask(MaskState(), text)
    assert leaks(masked.text, canaries) == []
    after = json.loads(masked.text)
    assert [skeleton(event) for event in after] == [skeleton(event) for event in planted]
    assert masked.counts or not canaries
    again = which.mask(MaskState(), masked.text)
    assert again.text is masked.text
    assert again.counts == {}


@SOME_NAMES
@pytest.mark.parametrize("name", NAMES)
def test_chunks_one_by_one_are_masked_as_one(name):
    events = sample(name)
    whole, state = run(DEFAULT, pack(*events))
    single, after = run(DEFAULT, *(pack(event) for event in events))
    assert single == whole
    assert after == state


def test_text_without_findings_is_the_same_object():
    text = pack(snapshot(node("p", 5, {"class": "a", "style": "width:1px"}, words(6, "Order 4111111111111112"))))
    assert DEFAULT.mask(MaskState(), text).text is text


def test_events_without_findings_keep_their_bytes():
    odd = b'{ "timestamp" :1.0e12, "type":3,"data":{"source":3,"id":1,"x":0,"y":1E2}, "delay": -0 }'
    text = b"[" + odd + b" , " + json.dumps(typed(9, "secret")).encode() + b"]"
    masked = DEFAULT.mask(MaskState(True), text).text
    assert masked.startswith(b"[" + odd + b" , ")
    assert b"secret" not in masked


def test_all_prefixes_of_typed_text_are_masked_at_one_length():
    card = "4111 1111 1111 1111"
    events, _ = run(DEFAULT, pack(snapshot(node("input", 7))), pack(*(typed(7, card[:end]) for end in range(1, 20))))
    assert {event["data"]["text"] for event in events[1:]} == {MASK}


def test_stars_of_the_browser_lose_their_length_and_do_not_count():
    masked = DEFAULT.mask(MaskState(True), pack(typed(7, "*******")))
    assert json.loads(masked.text)[0]["data"]["text"] == MASK
    assert masked.counts == {}


def test_a_password_field_is_emptied_also_after_it_shows_what_it_holds():
    start = pack(snapshot(node("input", 7, {"type": "password", "value": "hunter2"})))
    shown = pack(change(attributes=[{"id": 7, "attributes": {"type": "text"}}]))
    events, _ = run(DEFAULT, start, shown, pack(typed(7, "hunter22")))
    assert events[0]["data"]["node"]["childNodes"][0]["childNodes"][1]["childNodes"][0]["attributes"]["value"] == ""
    assert events[2]["data"]["text"] == ""


def test_a_chosen_option_does_not_show():
    start = pack(
        snapshot(
            node("select", 7, {"value": "b"}, node("option", 8, {"value": "b", "selected": True}, words(9, "Bank B")))
        )
    )
    events, _ = run(DEFAULT, start)
    select = events[0]["data"]["node"]["childNodes"][0]["childNodes"][1]["childNodes"][0]
    option = select["childNodes"][0]
    assert (select["attributes"]["value"], option["attributes"], option["childNodes"][0]["textContent"]) == (
        MASK,
        {"value": MASK, "selected": False},
        "Bank B",
    )


def test_buttons_keep_their_labels_and_layout_is_untouched():
    attributes = {"type": "submit", "value": "Pay now", "class": "b 415-555-0132", "style": "width:10px", "width": "5"}
    text = pack(snapshot(node("input", 7, attributes), node("path", 8, {"d": "M203.0.113.9 415-555-0132"})))
    assert DEFAULT.mask(MaskState(), text).text is text


def test_selectors_follow_nodes_by_id_through_mutations():
    start = pack(
        snapshot(
            node("div", 5, {"class": "rr-mask"}, node("p", 6, {}, words(7, "Dana"))), node("p", 8, {}, words(9, "Open"))
        )
    )
    later = pack(
        change(adds=[{"parentId": 6, "nextId": None, "node": node("b", 10, {"title": "Lind"}, words(11, "Lind"))}]),
        change(texts=[{"id": 11, "value": "Dana Lind"}, {"id": 7, "value": "D."}, {"id": 9, "value": "Still open"}]),
    )
    events, state = run(DEFAULT, start, later)
    assert "Dana" not in json.dumps(events)
    assert "Lind" not in json.dumps(events)
    assert events[2]["data"]["texts"][2]["value"] == "Still open"
    removed = DEFAULT.mask(state, pack(change(removes=[{"parentId": 6, "id": 10}])))
    assert 10 not in expand(removed.state)
    fresh = DEFAULT.mask(state, pack(snapshot(node("p", 7, {}, words(8, "New page")))))
    assert expand(fresh.state) == {}
    assert b"New page" in fresh.text


def test_what_is_added_under_a_field_of_the_same_mutation_is_masked():
    adds = [
        {"parentId": 4, "nextId": None, "node": node("textarea", 20)},
        {"parentId": 20, "nextId": None, "node": words(21, "Dana Lind")},
    ]
    events, state = run(DEFAULT, pack(snapshot()), pack(change(adds=adds)))
    assert events[1]["data"]["adds"][1]["node"]["textContent"] == MASK
    assert b"Dana" not in DEFAULT.mask(state, pack(change(texts=[{"id": 21, "value": "Dana L"}]))).text


def test_attributes_of_what_the_same_mutation_brings_are_masked():
    adds = [{"parentId": 4, "nextId": None, "node": node("div", 20, {"class": "rr-mask"})}]
    attributes = [{"id": 20, "attributes": {"title": "Dana Lind"}}]
    events, _ = run(DEFAULT, pack(snapshot()), pack(change(adds=adds, attributes=attributes)))
    assert events[1]["data"]["attributes"][0]["attributes"]["title"] == MASK


@pytest.mark.parametrize("fields", [1, 40, 100])
def test_remembered_fields_are_followed_however_many_there_are(fields):
    areas = [node("textarea", 100 + 2 * each, {}, words(101 + 2 * each, "a")) for each in range(fields)]
    _, state = run(DEFAULT, pack(snapshot(*areas, node("p", 20, {}, words(21, "b")))))
    last = 99 + 2 * fields
    texts = [{"id": last, "value": "Dana"}, {"id": 21, "value": "said"}, {"id": last * 10, "value": "so"}]
    masked = DEFAULT.mask(state, pack(change(texts=texts)))
    assert [each["value"] for each in json.loads(masked.text)[0]["data"]["texts"]] == [MASK, "said", "so"]
    gone = DEFAULT.mask(state, pack(change(removes=[{"parentId": last - 1, "id": last}])))
    assert expand(gone.state).keys() == expand(state).keys() - {last}


def test_blocked_elements_keep_their_nodes_and_lose_their_content():
    start = pack(
        snapshot(
            node(
                "div",
                5,
                {"data-afterimage": "block"},
                node("img", 6, {"src": "https://x.example/me.png", "width": "9"}),
                words(7, "Dana"),
            )
        )
    )
    events, _ = run(DEFAULT, start)
    div = events[0]["data"]["node"]["childNodes"][0]["childNodes"][1]["childNodes"][0]
    assert div["childNodes"][0]["attributes"] == {"src": "", "width": "9"}
    assert div["childNodes"][1] == words(7, "")


def test_strict_masks_all_text_but_what_is_unmasked_and_styles():
    start = pack(
        snapshot(
            node("style", 5, {}, words(6, "a{color:red}")),
            node("p", 7, {"title": "Dana"}, words(8, "Dana"), words(9, " \n ")),
            node("p", 10, {"data-afterimage": "unmask"}, words(11, "Prices")),
        )
    )
    later = pack(
        change(
            texts=[
                {"id": 8, "value": "Lind"},
                {"id": 11, "value": "Price list"},
                {"id": 6, "value": "b{}"},
                {"id": 99, "value": "who"},
            ]
        )
    )
    events, _ = run(STRICT, start, later)
    body = events[0]["data"]["node"]["childNodes"][0]["childNodes"][1]["childNodes"]
    assert body[0]["childNodes"][0]["textContent"] == "a{color:red}"
    assert (body[1]["attributes"]["title"], [each["textContent"] for each in body[1]["childNodes"]]) == (
        MASK,
        [MASK, " \n "],
    )
    assert body[2]["childNodes"][0]["textContent"] == "Prices"
    assert [each["value"] for each in events[1]["data"]["texts"]] == [MASK, "Price list", "b{}", MASK]


def test_before_a_snapshot_everything_counts_as_masked():
    masked = DEFAULT.mask(MaskState(), pack(change(texts=[{"id": 5, "value": "Dana"}])))
    assert b"Dana" not in masked.text


def test_with_too_many_marked_nodes_everything_counts_as_masked_and_the_state_stays_small():
    many = [node("p", 10 + each, {}) for each in range(MAX_NODES + 1)]
    start = DEFAULT.mask(MaskState(), pack(snapshot(node("div", 5, {"class": "rr-mask"}, *many))))
    assert start.state.full
    assert start.state.runs == ()
    later = DEFAULT.mask(start.state, pack(change(texts=[{"id": 999_999, "value": "Dana"}])))
    assert b"Dana" not in later.text


@pytest.mark.parametrize(
    "escaped",
    [
        r"dana\u0040example.com",
        r"\u0064ana@example\u002ecom",
        r"\u0034111 1111 1111 1111",
        r"https:\/\/bob:hunter2@host.example\/",
        r"+46\u00a070\u2009123\u202f45 67",
        r"4111\t1111\t1111\t1111",
        r"\ud800 dana@example.com \udc00",
        r"line\ndana@example.com\\",
        r"\"4111111111111111\"",
        r":4111111111111111, x",
    ],
)
def test_escapes_hide_nothing(escaped):
    event = '{"type":3,"data":{"source":0,"texts":[{"id":5,"value":"%s"}]},"timestamp":1700000000000}'
    text = ("[" + event % escaped + "]").encode()
    masked = DEFAULT.mask(MaskState(True), text).text
    value = json.loads(masked)[0]["data"]["texts"][0]["value"]
    assert MASK in value or "[" in value
    for secret in ("dana", "hunter2", "111", "123"):
        assert secret not in value


def test_an_escaped_tag_name_hides_no_field():
    text = pack(snapshot(node("input", 7, {"type": "password", "value": "hunter2"})))
    text = text.replace(b'"input"', rb'"\u0069nput"').replace(b'"password"', rb'"p\u0061ssword"')
    assert b"hunter2" not in DEFAULT.mask(MaskState(), text).text


def test_numbers_of_json_are_not_personal_data():
    moves = {
        "type": 3,
        "data": {
            "source": 1,
            "positions": [{"x": 4111111111111111, "y": 1.4111111111111111, "id": 4242424242424242, "timeOffset": -500}],
        },
        "timestamp": 4111111111111,
    }
    text = pack(moves, {"type": 9, "data": [4111111111111111, ",4242424242424242,"], "timestamp": 1})
    masked = DEFAULT.mask(MaskState(True), text).text
    assert json.loads(masked)[1]["data"] == [4111111111111111, ",[payment_card],"]
    assert json.loads(masked)[0] == moves


def test_hashes_tell_equal_values_and_depend_on_the_key():
    policy = load_policy({"rules": {"email": "hash"}}, None, "test")
    text = pack(change(texts=[{"id": 5, "value": "a@b.example c@b.example a@b.example"}]))
    words_of = [
        json.loads(Masker(policy, key).mask(MaskState(True), text).text)[0]["data"]["texts"][0]["value"].split()
        for key in (KEY, b"other")
    ]
    assert words_of[0][0] == words_of[0][2] != words_of[0][1]
    assert words_of[0][0] != words_of[1][0]


def test_custom_patterns_see_decoded_text_and_string_ends():
    which = masker({"custom": {"order": {"pattern": r'^ORD-\d{4}$|say "\w+"|caf\x{e9}', "method": "mask"}}})
    text = pack(
        change(texts=[{"id": 1, "value": value} for value in ("ORD-1234", "x ORD-1234", 'say "hello"', "café", "cafe")])
    )
    for chunk in (text, text.replace("é".encode(), rb"\u00e9")):
        values = [each["value"] for each in json.loads(which.mask(MaskState(True), chunk).text)[0]["data"]["texts"]]
        assert values == [MASK, "x ORD-1234", MASK, MASK, "cafe"]


def test_user_patterns_take_linear_time():
    which = masker({"custom": {"evil": {"pattern": "(a+)+$", "method": "mask"}, "worse": {"pattern": "(x|xx)+y"}}})

    def seconds(size: int) -> float:
        text = pack(change(texts=[{"id": 1, "value": "a" * size + "b" + "x" * size}]))
        began = time.thread_time()
        which.mask(MaskState(True), text)
        return time.thread_time() - began

    seconds(1000)
    assert seconds(400_000) < 5


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 300_000,
        "1 " * 150_000,
        "a.a@" * 50_000,
        "?a=" * 80_000,
        "//" * 100_000,
        "a:" * 100_000,
        '\\"' * 60_000,
        "***[email]" * 20_000,
    ],
)
def test_built_in_rules_take_linear_time(hostile):
    text = pack(change(texts=[{"id": 1, "value": hostile + " dana@example.com"}]))
    began = time.thread_time()
    masked = DEFAULT.mask(MaskState(True), text)
    assert time.thread_time() - began < 5
    assert b"dana@" not in masked.text


@pytest.mark.parametrize(
    "data",
    [
        "packed text dana",
        {"source": 0, "adds": "dana"},
        {"source": 0, "texts": [{"id": "dana", "value": "dana"}]},
        {"source": 5, "text": {"a": "dana"}, "id": 3},
        {"node": {"id": 1, "type": "dana"}},
    ],
)
def test_what_cannot_be_read_is_masked_whole(data):
    for kind in (2, 3):
        masked = DEFAULT.mask(MaskState(True), pack({"type": kind, "data": data, "timestamp": 1}))
        assert "dana" not in str(json.loads(masked.text)[0]["data"])


def test_keep_all_changes_nothing():
    text = pack(typed(7, "4111 1111 1111 1111"))
    masked = masker({"preset": "keep_all"}).mask(MaskState(), text)
    assert masked.text is text
    assert masked.counts == {}


leaf = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "dana@example.com",
            "4111 1111 1111 1111",
            "https://a:b@c.de/?token=1&x=2",
            "+46 70 123 45 67",
            "***",
            "[email]",
            '{"password":"x"}',
            "eyJhbGciOiJ9.eyJhIjoxfQ.x",
            "a@b.c078-05-1120",
        ]
    )
)
anything = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["value", "href", "password", "textContent", "a@b.example"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
event_strategy = st.fixed_dictionaries(
    {"type": st.integers(0, 9), "timestamp": st.integers(1, 2**45)},
    optional={
        "data": anything
        | st.fixed_dictionaries(
            {"source": st.integers(0, 17)},
            optional={
                "text": anything,
                "id": st.integers(1, 20),
                "texts": st.lists(
                    st.fixed_dictionaries({"id": st.integers(1, 20), "value": st.text(max_size=40)}), max_size=3
                ),
                "payload": anything,
                "href": anything,
            },
        )
    },
)


@settings(max_examples=examples(80, 800), deadline=None)
@given(st.lists(event_strategy, max_size=6), st.sampled_from([DEFAULT, STRICT]), st.booleans(), st.booleans())
@example([{"type": 3, "timestamp": 1, "data": [{"\x80": "0", "her name": "0"}]}], STRICT, False, False)
def test_any_events_are_masked_once_and_for_all(events, which, ascii_only, seen):
    text = json.dumps(events, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        text.decode()
    except UnicodeDecodeError:
        text = json.dumps(events).encode()
    masked = which.mask(MaskState(seen), text)
    after = json.loads(masked.text)
    assert [(event["type"], event["timestamp"]) for event in after] == [
        (event["type"], event["timestamp"]) for event in events
    ]
    again = which.mask(MaskState(seen), masked.text)
    assert again.text is masked.text
    assert again.counts == {}
    assert b"4111 1111 1111 1111" not in masked.text


def test_names_of_fields_in_network_payloads_are_masked_too():
    request = {
        "name": "https://x.example/",
        "dana1@example.com": "a",
        "requestHeaders": {"dana2@example.com": "b"},
        "responseHeaders": [["dana3@example.com", "c"], {"name": "a", "value": "b", "note": "dana4@example.com"}],
    }
    payload = {"first": 1, "requests": [request], "dana5@example.com": "d", "last": 2}
    event = {"type": 6, "data": {"plugin": "rrweb/network@1", "payload": payload}, "timestamp": 1}
    masked = DEFAULT.mask(MaskState(True), pack(event)).text
    assert b"dana" not in masked
    assert list(json.loads(masked)[0]["data"]["payload"]) == ["first", "requests", MASK, "last"]
