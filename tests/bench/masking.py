"""Masking: MB/s of JSON through the mask stage alone, and through all stages of a chunk. CPU time of one core.

The mask stage works on events that the fold needs decoded anyway, so decoding is a separate row. Of the stage, every
event needs the walk and the check of all strings; a chunk with masked values is deflated again.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import time
from collections.abc import Callable

import msgspec
from bench import load

from services.audit.ingest.fold import fold
from services.audit.ingest.process_chunk import GZIP, SentChunk, process_chunk
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import Bounds, Decoded, decode_chunk, deflate, inflate
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy
from services.audit.window_state import WindowState

_BOUNDS = Bounds(2**26, 2**26)
_KEY = b"k" * 32


async def rows(*, quick: bool = False) -> list[tuple[str, float, str]]:
    policy = load_policy({}, None, "bench")
    masker = Masker(policy, _KEY)
    keeps_all = Masker(load_policy({"preset": "keep_all"}, None, "bench"), _KEY)
    rounds = 5 if quick else 20
    chunks = load.make_chunks()
    traffic = [inflate(chunk.payload, _BOUNDS) for chunk in chunks]
    began = masker.mask(MaskState(), inflate(load.first_chunk().payload, _BOUNDS)).state
    whole = _recordings()
    head = _head()
    state = msgspec.structs.replace(WindowState(), mask=began)
    sent = [SentChunk(1, GZIP, chunk.payload, 0) for chunk in chunks]

    def mask(texts: list[bytes], decoded: list[Decoded], state: MaskState) -> None:
        for text, one in zip(texts, decoded, strict=True):
            masker.mask(state, text, one)

    def mask_first(given: tuple[Masker, list[Decoded]], texts: list[bytes], state: MaskState) -> None:
        fresh, decoded = given
        for text, one in zip(texts, decoded, strict=True):
            fresh.mask(state, text, one)

    def first(texts: list[bytes], state: MaskState) -> float:
        """Seconds for the texts if nothing in them has been seen before."""
        return _best_s(
            lambda given: mask_first(given, texts, state), rounds, lambda: (Masker(policy, _KEY), decoded(texts))
        )

    def scan() -> None:
        for text in traffic:
            masker.scanner.choose(masker.walker.walk(text, load.EVENTS_PER_CHUNK))

    def folded() -> None:
        for text in whole:
            masked = masker.mask(MaskState(), text, decode_chunk(text))
            fold(WindowState(), masked.events, raw_bytes=len(text), stored_bytes=0, masked=masked)

    def taken(by: Masker) -> Callable[[], None]:
        def take() -> None:
            for each in sent:
                process_chunk(head, state, each, _BOUNDS, by, None)

        return take

    def decoded(texts: list[bytes]) -> list[Decoded]:
        return [decode_chunk(text) for text in texts]

    browsers = [masker.mask(began, text).text for text in traffic]
    size = sum(map(len, traffic)) / 1e6
    total = sum(map(len, whole)) / 1e6
    count = len(traffic) / 1e6
    stage = _best_s(lambda events: mask(traffic, events, began), rounds, lambda: decoded(traffic))
    again = _best_s(lambda events: mask(browsers, events, began), rounds, lambda: decoded(browsers))
    with_policy, without = _best_s(taken(masker), rounds), _best_s(taken(keeps_all), rounds)
    return [
        ("masking, incremental traffic", size / stage, "MB/s"),
        ("the same by a masker that has seen nothing before", size / first(traffic, began), "MB/s"),
        ("masking, a chunk of 25 KB", stage / count, "us"),
        ("the same chunk as a recorder sends it that masks already", again / count, "us"),
        ("of these the walk, and the look at all strings", _best_s(scan, rounds) / count, "us"),
        ("beside it: decoding that chunk, once for all", _best_s(lambda: decoded(traffic), rounds) / count, "us"),
        ("beside it: deflating it anew", _best_s(lambda: [deflate(text) for text in traffic], rounds) / count, "us"),
        ("taking that chunk in without masking and detectors", without / count, "us"),
        ("taking that chunk in with masking", with_policy / count, "us"),
        (
            "masking, whole recordings",
            total / _best_s(lambda events: mask(whole, events, MaskState()), rounds, lambda: decoded(whole)),
            "MB/s",
        ),
        ("the same by a masker that has seen nothing before", total / first(whole, MaskState()), "MB/s"),
        ("decoding, masking and fold, whole recordings", total / _best_s(folded, rounds), "MB/s"),
    ]


def _head() -> WindowHead:
    key = WindowKey("demo", load.uuid7(round(time.time() * 1000)), load.uuid7(0))
    return WindowHead(key, kept_from=dt.date(2026, 1, 1))


def _recordings() -> list[bytes]:
    """Returns each recording as one chunk: compact JSON, as recorders send it."""
    files = [path for path in sorted(load.RECORDINGS.glob("*.json")) if path.stem not in {"manifest", "pii_truth"}]
    found = [path.read_bytes() for path in files]
    found = found or [gzip.decompress(path.read_bytes()) for path in sorted(load.SAMPLES.glob("*.json.gz"))]
    return [json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode() for text in found]


def _best_s(work: Callable[..., object], rounds: int, prepare: Callable[[], object] | None = None) -> float:
    """Returns the CPU seconds of the fastest round: other work of the machine only adds.

    Args:
        work: The measured function; it gets the result of `prepare` for this round.
        rounds: Number of rounds.
        prepare: Makes the object that `work` consumes. None: it consumes none.
    """
    seconds = []
    for _ in range(rounds):
        given = () if prepare is None else (prepare(),)
        began = time.thread_time()
        work(*given)
        seconds.append(time.thread_time() - began)
    return min(seconds)
