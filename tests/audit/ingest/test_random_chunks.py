"""Random chunks by the thousand: each is stored without a canary or rejected in one sentence, in the same memory."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import psutil
import pytest
from audit.canaries import value_of
from audit.ingest.workers.test_pool import AT_MS, BOUNDS, HEAD, RULES
from support import recordings

from services.audit.ingest.process_chunk import GZIP, IDENTITY, SentChunk, process_chunk
from services.audit.payload import BadPayload, deflate, inflate
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.window_state import WindowState, dump_state

SEED = 20261
CHUNKS_PER_WINDOW = 8
MAX_EVENT_BYTES = 20_000
"""Of the samples' events that chunks are made of: a full snapshot of 500 KB would make each chunk slow."""
MAX_GROWTH_BYTES = 8 * 1024**2
CANARIES = [value_of(rule, number) for number in range(40) for rule in ("email", "payment_card", "jwt", "iban")]
ALONE = rb"(?<![0-9A-Za-z])%s(?![0-9A-Za-z])"
"""Of cards and IBANs: damage may put a letter beside one, which is then taken for a part of a name (privacy.md)."""
NEEDLES = {
    value: re.compile(ALONE % value if value.isalnum() else re.escape(value))
    for value in (canary.encode() for canary in CANARIES)
}
MASKERS = [Masker(load_policy({"preset": preset}, None, "test"), b"k" * 32) for preset in ("default", "strict")]

Path = list[str | int]


def base_events() -> list[dict[str, Any]]:
    """Returns the events of the sample recordings that are not too large."""
    found = []
    for path in recordings.paths():
        if path.is_relative_to(recordings.SAMPLES):
            found += [one for one in recordings.events(path) if len(json.dumps(one)) <= MAX_EVENT_BYTES]
    return found


def places(value: Any, path: Path, found: list[Path]) -> list[Path]:
    """Appends the path of each value inside of `value`."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append([*path, key])
        places(inner, [*path, key], found)
    return found


class RandomChunks:
    """Chunks derived from one seed: the events of real recordings, changed in form, in text and in bytes.

    Args:
        seed: A failing test names it.
        events: Source of the events of chunks.
    """

    def __init__(self, seed: str, events: list[dict[str, Any]]) -> None:
        self._random = random.Random(seed)
        self._events = events

    def chunk(self, seq: int) -> SentChunk:
        source = self._random
        events = [copy.deepcopy(source.choice(self._events)) for _ in range(source.randint(1, 12))]
        for number, event in enumerate(events):
            event["timestamp"] = AT_MS + 1_000 * seq + number
            for _ in range(source.choice((0, 1, 1, 2, 5))):
                self._change(event)
        text = json.dumps(events, ensure_ascii=source.random() < 0.5, separators=source.choice([(",", ":"), None]))
        data = text.encode("utf-8", "surrogatepass")
        if source.random() < 0.15:
            data = self._damaged(data)
        payload, encoding = (deflate(data), GZIP) if source.random() < 0.7 else (data, IDENTITY)
        if source.random() < 0.05:
            payload = self._damaged(payload)
        return SentChunk(seq, encoding, payload, 0)

    def _change(self, event: dict[str, Any]) -> None:
        """Changes one value inside of the event, or its key."""
        source = self._random
        found = places(event["data"], ["data"], []) if "data" in event else []
        if not found:
            event["data"] = self._anything(2)
            return
        *way, key = source.choice(found)
        parent: Any = event
        for step in way:
            parent = parent[step]
        match source.randrange(8):
            case 0 | 1 | 2:
                parent[key] = self._text()
            case 3:
                parent[key] = self._anything(3)
            case 4 if isinstance(parent, dict):
                parent[self._text() if source.random() < 0.1 else source.choice(WORDS)] = parent.pop(key)
            case 5:
                parent[key] = [parent[key], copy.deepcopy(parent[key])]
            case 6:
                parent[key] = {source.choice(WORDS): parent[key]}
            case _:
                del parent[key]

    def _anything(self, depth: int) -> Any:
        source = self._random
        match source.randrange(9 if depth else 6):
            case 0:
                return None
            case 1:
                return source.random() < 0.5
            case 2:
                return source.choice(
                    (0, -1, 1, 2, 3, 2**31, 2**53, 2**64, -(2**63), 1e308, 0.1, source.randint(0, 400))
                )
            case 3 | 4 | 5:
                return self._text()
            case 6:
                return [self._anything(depth - 1) for _ in range(source.randint(0, 4))]
            case _:
                return {source.choice(WORDS): self._anything(depth - 1) for _ in range(source.randint(0, 4))}

    def _text(self) -> str:
        """Returns a text with a canary, as a value, in a sentence, in an address or in JSON, or a strange text."""
        source = self._random
        canary = source.choice(CANARIES)
        return source.choice(
            (
                canary,
                f"write to {canary}, please",
                f"https://example.org/p?q={canary}#{canary}",
                json.dumps({"of": canary, "list": [canary]}),
                f"\ud800{canary}\n\0\u202e{canary}",
                f"background:url('https://example.org/{canary}')",
                "",
                "x" * source.choice((1, 100, 5_000)),
                "\\\"'<>&\u2028",
            )
        )

    def _damaged(self, data: bytes) -> bytes:
        source, damaged = self._random, bytearray(data)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(damaged) + 1)
            damaged[at : at + source.randint(0, 3)] = source.randbytes(source.randint(0, 3))
        return bytes(damaged)


WORDS = (
    *("type", "data", "source", "id", "node", "childNodes", "textContent", "attributes", "tagName", "adds", "texts"),
    *("removes", "value", "href", "style", "payload", "plugin", "tag", "requests", "headers", "text", "isChecked"),
    *("positions", "parentId", "nextId", "rootId", "isStyle", "rules", "rule", "set", "property", "args", "level", "x"),
)


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_random_chunks(campaign_rounds):
    """1,000 chunks by default, 200,000 in a campaign."""
    events = base_events()
    assert len(events) > 100
    stored = rejected = 0
    process = psutil.Process()
    before = 0
    windows = campaign_rounds(1_000, 200_000) // CHUNKS_PER_WINDOW
    for window in range(windows):
        seed = f"{SEED}/{window}"
        chunks, state, seq = RandomChunks(seed, events), WindowState(), 1
        for _ in range(CHUNKS_PER_WINDOW):
            sent = chunks.chunk(seq)
            try:
                taken = process_chunk(HEAD, state, sent, BOUNDS, MASKERS[window % 2], RULES)
            except BadPayload as error:
                rejected += 1
                message = str(error)
                assert message, seed
                assert "\n" not in message, seed
                assert len(message) < 500, seed
                assert not [needle for needle in CANARIES if needle in message], (seed, seq)
                continue
            stored += 1
            state, seq = taken.state, seq + 1
            kept = inflate(taken.row.payload, BOUNDS) + dump_state(state) + repr(taken.row).encode()
            assert [value for value, needle in NEEDLES.items() if value in kept and needle.search(kept)] == [], seed
        if window == windows // 5:
            before = process.memory_info().rss
    assert stored > rejected > windows / 10, "chunks of both kinds"
    assert process.memory_info().rss - before < MAX_GROWTH_BYTES
