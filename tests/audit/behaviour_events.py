"""Hand-made rrweb events, in rrweb's own JSON, for the tests of the detectors."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from support.recordings import SHARED

from services.audit.behaviour.definitions import BehaviourRules, Interaction
from services.audit.behaviour.interactions import BehaviourState, finish, observe
from services.audit.behaviour.taped_nodes import TapedNodes
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.json_tape.tape import Walker
from services.audit.model import InteractionKind
from services.audit.payload import replace_lone_surrogates
from services.audit.play_time import play
from services.audit.rrweb import Event
from services.runtime.play_clock import PlayClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T0 = 1_700_000_000_000
RULES = BehaviourRules()
PAGE = "https://shop.example/cart"

Json = dict[str, Any]

_decoder = msgspec.json.Decoder(list[Event])
_state_encoder = msgspec.msgpack.Encoder()
_state_decoder = msgspec.msgpack.Decoder(BehaviourState)


def event(ms: float, kind: int, **data: Any) -> Json:
    return {"type": kind, "timestamp": T0 + ms, "data": data}


def change(ms: float, source: int, **data: Any) -> Json:
    return event(ms, 3, source=source, **data)


def meta(ms: float, href: str = PAGE, width: Any = 1000, height: Any = 500) -> Json:
    return event(ms, 4, href=href, width=width, height=height)


def element(node_id: int, tag: str, *children: Json, **attributes: Any) -> Json:
    return {"type": 2, "tagName": tag, "attributes": attributes, "childNodes": list(children), "id": node_id}


def document(*children: Json, node_id: int = 1) -> Json:
    return {"type": 0, "childNodes": [element(node_id + 1, "html", *children)], "id": node_id}


BUTTON, LABEL, TEXT, LINK, OUTSIDE, FRAME = 10, 11, 12, 13, 14, 15
TREE = document(
    element(BUTTON, "button", element(LABEL, "span")),
    element(TEXT, "p"),
    element(LINK, "a", href="/next"),
    element(OUTSIDE, "a", href="https://elsewhere.example/", target="_blank"),
    element(FRAME, "iframe"),
)


def snapshot(ms: float, tree: Json = TREE, top: float = 0, left: float = 0) -> Json:
    return event(ms, 2, node=tree, initialOffset={"top": top, "left": left})


def measure(ms: float, width: Any = 1000, height: Any = 2000, frames: Iterable[Json] = ()) -> Json:
    return event(ms, 5, tag="afterimage.page", payload={"width": width, "height": height, "frames": list(frames)})


def place(ms: float, x: Any, y: Any, node: int = BUTTON, width: Any = 1000, height: Any = 2000, **more: Any) -> Json:
    payload = {"id": node, "x": x, "y": y, "width": width, "height": height, **more}
    return event(ms, 5, tag="afterimage.place", payload=payload)


def url(ms: float, href: str) -> Json:
    return event(ms, 5, tag="afterimage.url", payload={"href": href})


def opened(width: int = 1000, height: int = 2000) -> list[Json]:
    """A page of 1000 x 2000 in a viewport of 1000 x 500, measured."""
    return [event(0, 0), event(0, 1), meta(0), snapshot(10), measure(20, width, height)]


def mouse(ms: float, action: int, x: Any = 100, y: Any = 100, node: int = BUTTON) -> Json:
    return change(ms, 2, type=action, x=x, y=y, id=node)


def click(ms: float, x: Any = 100, y: Any = 100, node: int = BUTTON) -> Json:
    return mouse(ms, 2, x, y, node)


def scroll(ms: float, y: float, x: float = 0, node: int = 1) -> Json:
    return change(ms, 3, id=node, x=x, y=y)


def move(ms: float, *positions: tuple[float, float, float], source: int = 1, node: int = TEXT) -> Json:
    return change(ms, source, positions=[{"x": x, "y": y, "id": node, "timeOffset": at} for at, x, y in positions])


def mutation(ms: float, *adds: Json) -> Json:
    return change(ms, 0, adds=list(adds), removes=[], texts=[], attributes=[])


def add(parent: int, node: Json) -> Json:
    return {"parentId": parent, "nextId": None, "node": node}


def typed(ms: float, node: int = 30, text: str = "a") -> Json:
    return change(ms, 5, id=node, text=text, isChecked=False)


def error(ms: float, words: str = "boom") -> Json:
    payload = {"level": "error", "trace": [], "payload": [words]}
    return event(ms, 6, plugin="rrweb/console@1", payload=payload)


def requests(ms: float, *entries: Json) -> Json:
    return event(ms, 6, plugin="rrweb/network@1", payload={"requests": list(entries)})


def still(ms: float) -> Json:
    """Something that shows that time has passed, and is no answer to anything."""
    return mouse(ms, 5)


def events(recording: Sequence[Json]) -> list[Event]:
    return _decoder.decode(json.dumps(recording))


def taped(recording: Sequence[Json]) -> TapedNodes:
    """The nodes of a chunk in which nothing is masked."""
    text = json.dumps(recording).encode()
    return TapedNodes(_walker().walk(text, len(recording)), [], set(), lambda start, end: text[start:end])


@cache
def _walker() -> Walker:
    return Walker()


def cut(decoded: Sequence[Event], borders: Iterable[int]) -> list[Sequence[Event]]:
    places = [0, *sorted(borders), len(decoded)]
    return [decoded[start:end] for start, end in pairwise(places)]


def run(
    chunks: Iterable[Sequence[Event]],
    rules: BehaviourRules = RULES,
    end_ms: int | None = None,
    nodes: Iterable[TapedNodes | None] = repeat(None),
) -> list[Interaction]:
    """Observes chunks, the state stored and read back after each, and finishes."""
    mirror = PageMirror()
    state, clock, last, found = BehaviourState(), PlayClock(), 0, []
    for chunk, its in zip(chunks, nodes, strict=False):
        played = play(clock, [msgspec.structs.replace(event) for event in chunk], last)
        clock, last = played.clock, played.last
        state, more = observe(state, played.events, rules, played.set_back, mirror, None if played.repeated else its)
        state = _state_decoder.decode(_state_encoder.encode(state))
        found += more
    state, more = finish(state, int(state.clock_ms) if end_ms is None else end_ms, rules)
    return found + more


def find(
    recording: Sequence[Json], *kinds: InteractionKind, rules: BehaviourRules = RULES, end_ms: int | None = None
) -> list[Interaction]:
    """The interactions of a hand-made recording: the same in one chunk and in one for each event, decoded and taped."""
    decoded = events(recording)
    end_ms = None if end_ms is None else T0 + end_ms
    found = run([decoded], rules, end_ms)
    assert run([[one] for one in decoded], rules, end_ms) == found
    assert run([decoded], rules, end_ms, [taped(recording)]) == found
    assert run([[one] for one in decoded], rules, end_ms, [taped([one]) for one in recording]) == found
    return [one for one in found if not kinds or one.kind in kinds]


def recorded(name: str) -> list[Event]:
    """A shared recording; the test is skipped where they are not."""
    path = SHARED / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not here: set AFTERIMAGE_TEST_RECORDINGS")
    return _decoder.decode(replace_lone_surrogates(path.read_bytes()))


def recording_names() -> list[str]:
    names = {path.stem for path in SHARED.glob("*.json")} - {"manifest", "pii_truth"}
    return sorted(names) or ["no-recordings"]
