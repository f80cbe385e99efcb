"""Frames of a segment: synced ones are read again, and damage differs from an incomplete end."""

from __future__ import annotations

import os
import random

import pytest

from services.audit.ingest.log.segment import (
    FRAME_BYTES,
    SECTOR,
    Header,
    LogError,
    Segment,
    end_of,
    frames,
    path_of,
    read_header,
    size_on_disk,
)

SIZE = 256 * 1024
INSTALLATION = bytes(range(16))


def written(directory, bodies, number=1):
    segment = Segment.create(directory, Header(number, 0, INSTALLATION), SIZE)
    for body in bodies:
        segment.write(body)
    segment.close()
    return path_of(directory, number), segment.end


def bodies_of(path, end, number=1):
    return [body for body, _ in frames(path, number, SECTOR, end)]


@pytest.mark.parametrize("size", [0, 1, SECTOR - FRAME_BYTES, SECTOR - FRAME_BYTES + 1, 10_000])
def test_frames_are_read_as_they_were_written(tmp_path, size):
    bodies = [os.urandom(size) for _ in range(3)]
    path, end = written(tmp_path, bodies)
    assert end == SECTOR + 3 * size_on_disk(size)
    assert end_of(path, 1, None) == end_of(path, 1, end) == end
    assert bodies_of(path, end) == bodies
    assert read_header(path) == Header(1, 0, INSTALLATION)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_incomplete_last_frame_is_not_there(tmp_path):
    """Whichever sectors of it reached the disk."""
    chance = random.Random(30)
    kept = [chance.randbytes(3_000), chance.randbytes(10)]
    path, end = written(tmp_path, [*kept, chance.randbytes(5_000)])
    last = end_of(path, 1, None) - size_on_disk(5_000)
    whole = path.read_bytes()
    for _ in range(50):
        torn = bytearray(whole)
        sectors = range(last, end, SECTOR)
        for at in chance.sample(sectors, chance.randint(1, len(sectors))):
            torn[at : at + SECTOR] = chance.choice([bytes(SECTOR), chance.randbytes(SECTOR)])
        path.write_bytes(torn)
        assert end_of(path, 1, None) == last
        assert bodies_of(path, last) == kept


@pytest.mark.parametrize("at", [SECTOR, SECTOR + 30, SECTOR + FRAME_BYTES, SECTOR + 2_000])
def test_damage_before_complete_frames_is_refused_by_name(tmp_path, at):
    path, end = written(tmp_path, [os.urandom(3_000), os.urandom(3_000), b"later"])
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)
    for known in (None, end):
        with pytest.raises(LogError, match=rf"{path.name} is damaged at byte {SECTOR}"):
            end_of(path, 1, known)
    with pytest.raises(LogError, match="damaged"):
        bodies_of(path, end)


def test_damage_at_the_known_end_is_refused(tmp_path):
    """The next segment has the end of this one: an incomplete last frame is damage then."""
    path, end = written(tmp_path, [b"first", os.urandom(3_000)])
    data = bytearray(path.read_bytes())
    data[end - 1_000] ^= 1
    path.write_bytes(data)
    assert end_of(path, 1, None) == 2 * SECTOR
    with pytest.raises(LogError, match=f"damaged at byte {2 * SECTOR}"):
        end_of(path, 1, end)


def test_what_a_segment_has_after_its_end_is_ignored(tmp_path):
    """A frame that was written and could not be synced: it is in the next segment too."""
    path, end = written(tmp_path, [b"first", b"second"])
    assert end_of(path, 1, end - SECTOR) == end - SECTOR


def test_a_frame_of_another_place_is_none(tmp_path):
    """Old contents of the disk, or a copied file."""
    path, _ = written(tmp_path, [b"first", b"second"])
    data = path.read_bytes()
    moved = data[:SECTOR] + data[2 * SECTOR : 3 * SECTOR] + bytes(SECTOR)
    path.write_bytes(moved)
    assert end_of(path, 1, None) == SECTOR
    path.write_bytes(data)
    assert end_of(path, 2, None) == SECTOR


@pytest.mark.parametrize("kept", [0, 10, 40])
def test_a_header_that_was_not_written_whole_is_none(tmp_path, kept):
    path, _ = written(tmp_path, [])
    path.write_bytes(path.read_bytes()[:kept] + bytes(SECTOR))
    assert read_header(path) is None


def test_a_newer_version_is_refused_by_name(tmp_path):
    path, _ = written(tmp_path, [b"first"])
    data = bytearray(path.read_bytes())
    data[8] = 2
    path.write_bytes(data)
    with pytest.raises(LogError, match=f"{path.name} was written by a newer version"):
        read_header(path)
