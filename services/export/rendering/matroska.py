"""A stream of raw pictures with times, for ffmpeg: a picture that does not change is sent once, and lasts.

Matroska with one cluster per picture (RFC 9559), since ffmpeg's other formats for pictures in a pipe have no times. The
pictures are planar: luma, then the two chroma planes of half the width and height (I420).
"""

from __future__ import annotations

_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def stream_header(width: int, height: int, frame_ms: float) -> bytes:
    """Returns the beginning of a stream.

    Args:
        width: Of the pictures, in pixels.
        height: As `width`.
        frame_ms: Duration of the last picture, in milliseconds.
    """
    head = _element(
        0x1A45DFA3,
        _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8),
        _element(0x4282, b"matroska") + _number(0x4287, 4) + _number(0x4285, 2),
    )
    info = _element(0x1549A966, _number(0x2AD7B1, 1_000_000), _element(0x4D80, b"afterimage") + _element(0x5741, b"-"))
    video = _element(0xE0, _number(0xB0, width) + _number(0xBA, height), _element(0x2EB524, b"I420"))
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b"V_UNCOMPRESSED")
    track += _number(0x23E383, round(frame_ms * 1_000_000))
    return head + _id(0x18538067) + _UNKNOWN_SIZE + info + _element(0x1654AE6B, _element(0xAE, track, video))


def picture_header(size_bytes: int, at_ms: int) -> bytes:
    """Returns the header of a picture of `size_bytes` bytes that is shown from `at_ms` on."""
    block = b"\xa3" + _sized(size_bytes + 4) + b"\x81\x00\x00\x80"
    time = _number(0xE7, at_ms)
    return _id(0x1F43B675) + _sized(len(time) + len(block) + size_bytes) + time + block


def _element(number: int, *contents: bytes) -> bytes:
    size = sum(map(len, contents))
    return b"".join((_id(number), _sized(size), *contents))


def _number(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(8, "big"))


def _sized(size: int) -> bytes:
    return (size | 1 << 56).to_bytes(8, "big")


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
