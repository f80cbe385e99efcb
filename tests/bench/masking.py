"""Masking: MB/s of JSON through the mask stage alone, and through masking, decoding and fold. CPU time of one core."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable

from bench import load

from services.audit.ingest.fold import WindowState, fold
from services.audit.payload import Bounds, decode, inflate
from services.audit.privacy.masking import Masker, MaskState
from services.audit.privacy.policy import load_policy

_BOUNDS = Bounds(2**26, 2**26)


async def rows(*, quick: bool = False) -> list[tuple[str, float, str]]:
    masker = Masker(load_policy({}, None, "bench"), b"k" * 32)
    rounds = 5 if quick else 20
    traffic = [inflate(chunk.payload, _BOUNDS) for chunk in load.make_chunks()]
    began = masker.mask(MaskState(), inflate(load.first_chunk().payload, _BOUNDS)).state
    whole = _recordings()

    def incremental() -> None:
        for text in traffic:
            masker.mask(began, text)

    def recordings() -> None:
        for text in whole:
            masker.mask(MaskState(), text)

    def folded() -> None:
        for text in whole:
            events = decode(text)
            masked = masker.mask(MaskState(), text)
            if masked.text is not text:
                events = decode(masked.text)
            fold(WindowState(), events, raw_bytes=len(text), stored_bytes=0, masked=masked)

    size = sum(map(len, traffic)) / 1e6
    total = sum(map(len, whole)) / 1e6
    best = _best_s(incremental, rounds)
    return [
        ("masking, incremental traffic", size / best, "MB/s"),
        ("masking, a chunk of 25 KB", best / len(traffic) * 1e6, "us"),
        ("masking, whole recordings", total / _best_s(recordings, rounds), "MB/s"),
        ("decoding, masking and fold, whole recordings", total / _best_s(folded, rounds), "MB/s"),
    ]


def _recordings() -> list[bytes]:
    """Returns each recording as one chunk: compact JSON, as recorders send it."""
    files = [path for path in sorted(load.RECORDINGS.glob("*.json")) if path.stem not in {"manifest", "pii_truth"}]
    found = [path.read_bytes() for path in files]
    found = found or [gzip.decompress(path.read_bytes()) for path in sorted(load.SAMPLES.glob("*.json.gz"))]
    return [json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode() for text in found]


def _best_s(work: Callable[[], None], rounds: int) -> float:
    """Returns the CPU seconds of the fastest round: what else the machine does only adds."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)
