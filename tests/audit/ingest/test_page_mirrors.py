"""Mirrors between chunks: kept, dropped, and made again of the window's history."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from functools import cache

import pytest
from audit.behaviour_events import T0, change, click, document, element, meta, snapshot, typed
from support import recordings

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.ingest.page_mirrors import NO_HISTORY, NO_PAGE, HistoryNeeded, PageHistory, PageMirrors, PagePlace
from services.audit.ingest.process_chunk import IDENTITY, SentChunk, process_chunk
from services.audit.model import InteractionKind, Target, WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.storage.codecs.rowbinary import unpacked_when_asked
from services.audit.storage.schema.tables_interactions import INTERACTIONS
from services.audit.window_state import WindowState, read_state

BOUNDS = Bounds(2**26, 2**26, 0)
RULES = BehaviourRules()
BUTTON, WORDS = 10, 11
PAGE = document(
    element(6, "body", element(BUTTON, "button", {"type": 3, "textContent": "Export", "id": WORDS}, id="export"))
)
EXPORT = Target("Export", "button", "button", "#export")
SAVED = Target("Saved", "button", "button", "#export")


def window() -> WindowHead:
    return WindowHead(WindowKey("demo", uuid.UUID(int=T0 << 80), uuid.uuid4()), kept_from=dt.date(2026, 1, 1))


@cache
def masker(preset: str = "default") -> Masker:
    return Masker(load_policy({"preset": preset}, None, "test"), b"k" * 32)


def words(ms: float, value: str):
    return change(ms, 0, adds=[], removes=[], texts=[{"id": WORDS, "value": value}], attributes=[])


CHUNKS = [
    [meta(0), snapshot(10, PAGE)],
    [words(1_000, "Saved")],
    [words(2_000, "Saved"), click(2_100, node=WORDS)],
    [typed(3_000, BUTTON), click(20_000, node=BUTTON)],
]


class Window:
    """Processes the chunks of a window, by any of several processes."""

    def __init__(self, preset: str = "default") -> None:
        self.head = window()
        self.state = WindowState()
        self.payloads: list[bytes] = []
        self.places = [NO_PAGE]
        self.preset = preset

    def take(self, mirrors: PageMirrors, events: list, history: PageHistory | None = NO_HISTORY):
        sent = SentChunk(len(self.payloads) + 1, IDENTITY, json.dumps(events).encode(), 0)
        done = process_chunk(self.head, self.state, sent, BOUNDS, masker(self.preset), RULES, mirrors, history)
        self.state = read_state(done.row.state)
        self.payloads.append(done.row.payload)
        self.places.append(PagePlace.of(self.state))
        return done


def targets(done) -> list[tuple[int, Target | None]]:
    rows = unpacked_when_asked(INTERACTIONS.types, done.row.interactions)
    names = [name for name, _ in INTERACTIONS.columns]
    found = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        if values["node_id"]:
            target = Target(*(values[f"target_{name}"].decode() for name in Target._fields))
            found.append((values["kind"], target if target.tag else None))
    return found


def test_a_process_that_has_the_page_names_what_was_clicked():
    one, mirrors = Window(), PageMirrors(2**20)
    done = [one.take(mirrors, chunk, None) for chunk in CHUNKS]
    assert targets(done[2]) == [(InteractionKind.CLICK, SAVED)]
    assert all(chunk.unnamed == {} for chunk in done)
    assert len(mirrors) == 1


def test_another_process_asks_for_the_history_and_finds_the_same():
    one, first, second = Window(), PageMirrors(2**20), PageMirrors(2**20)
    for chunk in CHUNKS[:2]:
        one.take(first, chunk, None)
    with pytest.raises(HistoryNeeded) as needed:
        one.take(second, CHUNKS[2], None)
    assert needed.value.after == NO_PAGE
    done = one.take(second, CHUNKS[2], PageHistory(NO_PAGE, tuple(one.payloads)))
    assert targets(done) == [(InteractionKind.CLICK, SAVED)]
    one.take(second, CHUNKS[3], None)  # it has the page now


def test_a_process_that_has_missed_chunks_asks_only_for_those():
    one, first, second = Window(), PageMirrors(2**20), PageMirrors(2**20)
    one.take(first, CHUNKS[0], None)
    one.take(second, CHUNKS[1], None)  # without an interaction it needs no page
    assert len(second) == 0
    with pytest.raises(HistoryNeeded) as needed:
        one.take(first, CHUNKS[2], None)
    assert needed.value.after == one.places[1]
    done = one.take(first, CHUNKS[2], PageHistory(one.places[1], (one.payloads[1],)))
    assert targets(done) == [(InteractionKind.CLICK, SAVED)]


def test_a_history_of_another_place_is_asked_for_again():
    one, first, second = Window(), PageMirrors(2**20), PageMirrors(2**20)
    for chunk in CHUNKS[:2]:
        one.take(first, chunk, None)
    with pytest.raises(HistoryNeeded):
        one.take(second, CHUNKS[2], PageHistory(one.places[1], (one.payloads[1],)))


def test_a_chunk_that_was_not_accepted_leaves_no_wrong_page():
    one, mirrors = Window(), PageMirrors(2**20)
    one.take(mirrors, CHUNKS[0], None)
    before = one.state, list(one.payloads), list(one.places)
    one.take(mirrors, [words(1_000, "Never stored")], None)
    one.state, one.payloads, one.places = before
    one.take(PageMirrors(2**20), CHUNKS[1], None)
    with pytest.raises(HistoryNeeded) as needed:
        one.take(mirrors, CHUNKS[2], None)
    done = one.take(mirrors, CHUNKS[2], PageHistory(NO_PAGE, tuple(one.payloads)))
    assert needed.value.after.seq in {0, 2}
    assert targets(done) == [(InteractionKind.CLICK, SAVED)]


def test_a_rejected_chunk_keeps_the_page():
    one, mirrors = Window(), PageMirrors(2**20)
    one.take(mirrors, CHUNKS[0], None)
    with pytest.raises(BadPayload):
        one.take(mirrors, [{"type": 3}], None)
    assert targets(one.take(mirrors, [click(100, node=BUTTON)], None)) == [(InteractionKind.CLICK, EXPORT)]


def test_a_snapshot_in_the_chunk_needs_no_history():
    one = Window()
    one.take(PageMirrors(2**20), CHUNKS[0], None)
    done = one.take(PageMirrors(2**20), [meta(900), snapshot(901, PAGE), click(950, node=BUTTON)], None)
    assert targets(done) == [(InteractionKind.CLICK, EXPORT)]


@pytest.mark.parametrize("history", [NO_HISTORY, PageHistory(NO_PAGE, (b"not gzip",))])
def test_a_history_that_cannot_be_had_costs_only_the_names(history):
    one, mirrors = Window(), PageMirrors(2**20)
    one.take(PageMirrors(2**20), CHUNKS[0], None)
    done = one.take(mirrors, [click(100, node=BUTTON)], history)
    assert targets(done) == [(InteractionKind.CLICK, None)]
    assert done.unnamed == {"no_history": 1}
    assert len(mirrors) == 0  # so that the next chunk asks again


def test_before_the_first_snapshot_nothing_is_asked_for():
    one = Window()
    done = one.take(PageMirrors(2**20), [meta(0), click(100, node=BUTTON)], None)
    assert targets(done) == [(InteractionKind.CLICK, None)]
    assert done.unnamed == {"no_snapshot": 1}


def test_the_memory_of_all_mirrors_is_limited_and_the_latest_are_kept():
    mirrors = PageMirrors(20_000)
    windows = [Window() for _ in range(30)]
    for one in windows:
        one.take(mirrors, CHUNKS[0], None)
    assert 0 < len(mirrors) < 30
    assert mirrors.size_bytes <= 20_000
    windows[-1].take(mirrors, CHUNKS[2], None)
    with pytest.raises(HistoryNeeded):
        windows[0].take(mirrors, CHUNKS[2], None)


def test_without_mirrors_or_detectors_chunks_are_processed_as_ever():
    one = Window()
    for chunk in CHUNKS:
        done = one.take(None, chunk, None)
    assert {target for _, target in targets(done)} == {None}


@pytest.mark.parametrize("preset", ["default", "strict"])
def test_names_are_masked_by_the_policy(preset):
    tree = document(
        element(
            6,
            "body",
            element(BUTTON, "button", {"type": 3, "textContent": "Mail jo@example.org", "id": WORDS}, title="Anna"),
            element(30, "input", {"type": 3, "textContent": "", "id": 31}, value="4111 1111 1111 1111", name="card"),
        )
    )
    one, mirrors = Window(preset), PageMirrors(2**20)
    later = change(150, 0, adds=[], removes=[], texts=[{"id": WORDS, "value": "Call jo@example.org"}], attributes=[])
    chunk = [meta(0), snapshot(10, tree), click(100, node=BUTTON), later, click(5_000, node=BUTTON), typed(9_000, 30)]
    one.take(mirrors, chunk, None)
    done = one.take(mirrors, [click(30_000, node=30)], None)
    stored = repr(targets(done)) + repr(one.state) + repr(targets(done))
    names = [one.state.behaviour.clicks.last.target.name] if one.state.behaviour.clicks.last else []
    assert "jo@example.org" not in stored
    assert "4111" not in stored
    if preset == "strict":
        assert "Anna" not in stored
        assert all(name == "" for name in names)
    assert mirrors.size_bytes


def test_a_changed_text_is_masked_too():
    one, mirrors = Window(), PageMirrors(2**20)
    one.take(mirrors, CHUNKS[0], None)
    done = one.take(mirrors, [words(100, "Call jo@example.org"), click(200, node=BUTTON)], None)
    assert targets(done) == [(InteractionKind.CLICK, Target("Call ***", "button", "button", "#export"))]


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
def test_any_process_names_the_same_as_one_process(path):
    """Large recordings are shortened; with --campaign they are not."""
    events = recordings.shortened(path)
    chunks = [events[at : at + 25] for at in range(0, len(events), 25)]
    alone, shared, mirrors = Window(), Window(), PageMirrors(2**27)
    shared.head = alone.head
    for number, chunk in enumerate(chunks):
        expected = alone.take(mirrors, chunk, None)
        others = PageMirrors(2**27)  # a new process for each chunk
        try:
            found = shared.take(others, chunk, None)
        except HistoryNeeded:
            found = shared.take(others, chunk, PageHistory(NO_PAGE, tuple(shared.payloads)))
        assert found.row == expected.row, number
