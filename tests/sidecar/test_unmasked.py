"""Unmasked frames of a client end its connection (RFC 6455 section 5.1), in any division of the bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.token_bucket import TokenBucket
from sidecar.streams.frame_meter import FrameMeter
from sidecar.wire.held_bytes import HeldBytes
from tests.sidecar.conftest import WindowMessages
from tests.sidecar.test_bad_input import Raw
from tests.sidecar.test_frame_meter import Parser


def frame(payload, *, is_masked=True, opcode=2, fin=True):
    size, bit = len(payload), 0x80 if is_masked else 0
    first = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head = first + bytes([bit | size])
    elif size < 65_536:
        head = first + bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head = first + bytes([bit | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if is_masked else b"") + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("opcode", [0, 1, 2, 8, 9, 10])
async def test_an_unmasked_frame_ends_the_connection(rig, size, opcode):
    raw = await Raw.connect(rig)
    raw.writer.write(frame(b"\0" * size, is_masked=False, opcode=opcode))
    assert await raw.closed() == (1002, "unmasked")
    assert rig.audit.requests == 0
    await rig.until(lambda: rig.metric("closed_total", route="/ws/record", code="1002") == 1)


async def test_what_came_masked_before_it_is_recorded(rig):
    window = WindowMessages()
    raw = await Raw.connect(rig)
    start, chunk, second = window.start(), window.chunk(1), window.chunk(2)
    raw.writer.write(frame(start) + frame(chunk) + frame(second, is_masked=False) + frame(window.end(1)))
    assert await raw.closed() == (1002, "unmasked")
    key = ("demo", window.session_id, window.window_id)
    await rig.until(lambda: len(rig.audit.chunks[key]) == 1)


async def test_a_frame_that_comes_with_the_request_is_looked_at(rig, monkeypatch):
    raw = await Raw.connect(rig, early=frame(b"", is_masked=False))
    assert await raw.closed() == (1002, "unmasked")


async def test_a_header_byte_by_byte(rig):
    raw = await Raw.connect(rig)
    for byte in frame(b"\0" * 200, is_masked=False)[:4]:
        raw.writer.write(bytes([byte]))
        await raw.writer.drain()
    assert await raw.closed() == (1002, "unmasked")


frames = st.builds(
    frame,
    st.one_of(st.binary(max_size=300), st.sampled_from([b"x" * 65_535, b"x" * 65_540])),
    opcode=st.integers(0, 10),
)


@given(st.lists(frames, max_size=8), st.booleans(), st.lists(st.integers(0, 66_000), max_size=12))
def test_all_in_front_of_the_first_unmasked_frame_is_passed_on_for_any_division_of_the_bytes(before, unmasked, cuts):
    stream = b"".join(before)
    whole = stream + (frame(b"abc", is_masked=False) + frame(b"later") if unmasked else b"")
    parser, ends, place = Parser(), [], 0
    with HeldBytes(0).holder("a") as held:
        meter = FrameMeter(parser, held, TokenBucket(0.0, 0.0), lambda: 7.0, lambda: None, lambda: ends.append(1))
        for cut in sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)}):
            is_over, _ = meter.feed_data(whole[place:cut])
            assert is_over == bool(ends)
            place = cut
    assert len(ends) == unmasked
    # The second byte of the header decides; the first may have come in the piece before.
    assert bytes(parser.data) in {stream, whole[: len(stream) + unmasked]}
