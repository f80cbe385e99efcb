"""The meter counts frames however they are cut into reads, and passes every byte on."""

from __future__ import annotations

import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.token_bucket import TokenBucket
from sidecar.streams.frame_meter import FrameMeter
from sidecar.wire.held_bytes import HeldBytes

FRAMES = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), st.booleans(), st.sampled_from([0, 1, 125, 126, 300, 70_000])),
    max_size=12,
)

MAX_READS = 5_000
"""Number of reads of one example: large frames are cut more coarsely."""


class Parser:
    def __init__(self):
        self.data = bytearray()

    def feed_data(self, data):
        self.data += data
        return False, b""


def frame(opcode, fin, size):
    first, mask = (0x80 if fin else 0) | opcode, 0x80
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65_536:
        head = bytes([first, mask | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack("!Q", size)
    return head + b"mask" + b"\xff" * size


def meter(parser, held, rate=0.0):
    return FrameMeter(parser, held, TokenBucket(rate, 0.0), lambda: 7.0, lambda: None, lambda: None)


@given(FRAMES, st.integers(1, 200), st.integers(0, 5))
def test_the_count_is_that_of_the_frames(frames, step, missing):
    data = b"".join(frame(*one) for one in frames)
    data = data[: len(data) - missing]
    step = max(step, len(data) // MAX_READS)
    with HeldBytes(0).holder("a") as held:
        parser = Parser()
        counting = meter(parser, held)
        for at in range(0, len(data), step):
            counting.feed_data(data[at : at + step])
        assert parser.data == data
        if missing:
            return
        messages, unfinished, is_open = [], 0, False
        for opcode, fin, size in frames:
            if opcode > 2:
                continue
            unfinished += size
            is_open = not fin
            if fin:
                messages.append(unfinished)
                unfinished = 0
        assert held.count == sum(messages) + unfinished
        assert counting.since == (7.0 if is_open else math.inf)
        for _ in messages:
            counting.passed_on()
        assert held.count == unfinished


def test_beyond_the_limit_nothing_is_passed_on():
    with HeldBytes(0).holder("a") as held:
        parser = Parser()
        counting = meter(parser, held, rate=1.0)
        counting.feed_data(frame(2, False, 1))
        passed = len(parser.data)
        assert counting.feed_data(frame(0, False, 0) * 10) == (False, b"")
        assert counting.feed_data(frame(0, True, 0)) == (False, b"")
        assert len(parser.data) == passed
