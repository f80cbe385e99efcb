"""The segments of a log: they follow each other, none is missing, and those that are stored are deleted."""

from __future__ import annotations

import errno
import os

import pytest

from services.audit.ingest.log import recording_log, segment
from services.audit.ingest.log.recording_log import RecordingLog
from services.audit.ingest.log.segment import SECTOR, LogError, numbers, path_of


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(recording_log, "SEGMENT_BYTES", 8 * SECTOR)


def all_of(log):
    return [body for body, _ in log.read(log.begin, log.end)]


def reopened(log, directory):
    log.close()
    return RecordingLog.open(directory)


def test_what_was_written_is_read_in_order_also_after_a_restart(tmp_path):
    log = RecordingLog.open(tmp_path / "log")
    bodies = [b"%d" % number * 300 for number in range(30)]
    ends = [log.write(body) for body in bodies]
    assert ends == sorted(ends)
    assert log.end == ends[-1]
    assert len(numbers(tmp_path / "log")) > 3
    assert all_of(log) == bodies
    log = reopened(log, tmp_path / "log")
    assert all_of(log) == bodies
    more = [log.write(b"more"), log.write(b"and more")]
    assert more[0] > ends[-1]
    assert [body for body, _ in log.read(ends[-2], log.end)] == [bodies[-1], b"more", b"and more"]
    log.close()


def test_a_frame_larger_than_a_segment_has_one_of_its_own(tmp_path):
    log = RecordingLog.open(tmp_path)
    bodies = [b"small", os.urandom(100_000), b"small again"]
    for body in bodies:
        log.write(body)
    log = reopened(log, tmp_path)
    assert all_of(log) == bodies
    log.close()


def test_stored_segments_are_deleted_and_numbers_go_on(tmp_path):
    log = RecordingLog.open(tmp_path)
    ends = [log.write(os.urandom(1_000)) for _ in range(10)]
    before, size_bytes = numbers(tmp_path), log.size_bytes
    assert log.cut(log.begin) == 0
    assert not log.has_done(log.begin)
    assert log.cut(ends[4]) > 0
    assert log.begin <= ends[4]
    assert log.size_bytes < size_bytes
    log.leave_segment()
    assert log.has_done(ends[-1])
    log.cut(ends[-1])
    assert numbers(tmp_path) == []
    assert log.begin == log.end > ends[-1]
    log = reopened(log, tmp_path)
    assert log.begin == log.end > ends[-1]
    assert log.write(b"next").number == before[-1] + 1
    log.close()


def test_the_active_segment_is_not_deleted(tmp_path):
    log = RecordingLog.open(tmp_path)
    end = log.write(b"first")
    assert log.cut(end) == 0
    log.write(b"second")
    assert all_of(log) == [b"first", b"second"]
    log.close()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("fails", ["pwrite", "fdatasync"])
def test_a_frame_that_failed_is_written_into_another_segment(tmp_path, monkeypatch, fails, error):
    """After a failed sync it is not known which parts of the file are on the disk."""
    log = RecordingLog.open(tmp_path)
    log.write(b"before")
    with monkeypatch.context() as patch:

        def failing(*_: object) -> None:
            raise OSError(error, "failed")

        patch.setattr(segment.os, fails, failing)
        with pytest.raises(OSError, match="failed"):
            log.write(b"failed")
    log.write(b"failed")
    log.write(b"after")
    assert numbers(tmp_path) == [1, 2]
    log = reopened(log, tmp_path)
    assert all_of(log) == [b"before", b"failed", b"after"]
    log.close()


def test_a_short_write_is_an_error(tmp_path, monkeypatch):
    log = RecordingLog.open(tmp_path)
    log.write(b"before")
    real = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(segment.os, "pwrite", lambda file, data, at: real(file, data[:30], at))
        with pytest.raises(OSError, match="only 30 of"):
            log.write(b"cut off" * 100)
    log.write(b"after")
    log = reopened(log, tmp_path)
    assert all_of(log) == [b"before", b"after"]
    log.close()


def test_a_segment_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    log = RecordingLog.open(tmp_path)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(segment.os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            log.write(b"first")
        assert numbers(tmp_path) == []
    log.write(b"first")
    log = reopened(log, tmp_path)
    assert all_of(log) == [b"first"]
    log.close()


@pytest.mark.parametrize("missing", [1, 2, 4])
def test_a_segment_deleted_by_hand_is_named(tmp_path, missing):
    log = RecordingLog.open(tmp_path)
    while log.end.number < 4:
        log.write(os.urandom(1_000))
    log.close()
    path_of(tmp_path, missing).unlink()
    with pytest.raises(LogError, match=f"{path_of(tmp_path, missing).name} is missing"):
        RecordingLog.open(tmp_path)


def test_a_segment_that_was_begun_by_a_killed_process_is_no_error(tmp_path):
    log = RecordingLog.open(tmp_path)
    log.write(b"first")
    log.close()
    path_of(tmp_path, 2).write_bytes(bytes(8 * SECTOR))
    log = RecordingLog.open(tmp_path)
    assert all_of(log) == [b"first"]
    log.write(b"second")
    assert log.end.number == 2
    log.close()


def test_the_log_goes_on_after_a_segment_that_was_begun_and_not_noted(tmp_path):
    log = RecordingLog.open(tmp_path)
    log.write(b"first")
    log.leave_segment()
    before = (tmp_path / "state").read_bytes()
    log.write(b"second")
    log.close()
    (tmp_path / "state").write_bytes(before)
    log = RecordingLog.open(tmp_path)
    log.write(b"third")
    assert all_of(log) == [b"first", b"second", b"third"]
    assert numbers(tmp_path) == [1, 2, 3]
    log = reopened(log, tmp_path)
    assert all_of(log) == [b"first", b"second", b"third"]
    log.close()


def test_a_segment_that_was_deleted_only_in_the_state_is_deleted_at_the_start(tmp_path):
    """A kill between the two: its frames are stored."""
    log = RecordingLog.open(tmp_path)
    while log.end.number < 3:
        log.write(os.urandom(1_000))
    old = path_of(tmp_path, 1).read_bytes()
    log.cut(log.end)
    path_of(tmp_path, 1).write_bytes(old)
    log = reopened(log, tmp_path)
    assert numbers(tmp_path) == [3]
    log.close()


def test_another_process_is_refused(tmp_path):
    log = RecordingLog.open(tmp_path)
    with pytest.raises(LogError, match="open in another process"):
        RecordingLog.open(tmp_path)
    log.close()
    RecordingLog.open(tmp_path).close()


def test_segments_of_another_installation_are_refused_by_name(tmp_path):
    for name in ("here", "there"):
        log = RecordingLog.open(tmp_path / name)
        log.write(b"first")
        log.close()
    path_of(tmp_path / "here", 1).replace(path_of(tmp_path / "there", 1))
    with pytest.raises(LogError, match=f"{path_of(tmp_path, 1).name} belongs to another installation"):
        RecordingLog.open(tmp_path / "there")


@pytest.mark.parametrize("state", [None, "", "nothing of use"])
def test_a_state_that_is_gone_is_refused_by_name(tmp_path, state):
    log = RecordingLog.open(tmp_path)
    log.write(b"first")
    log.close()
    if state is None:
        (tmp_path / "state").unlink()
    else:
        (tmp_path / "state").write_text(state)
    with pytest.raises(LogError, match="state"):
        RecordingLog.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        RecordingLog.open(tmp_path / "file" / "log")
