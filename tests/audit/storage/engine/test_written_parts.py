"""Parts of which a file is empty or short are found among the new ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from audit.storage import NOW_MS, chunk, head, window_key
from structlog.testing import capture_logs

from services.audit.behaviour.definitions import Interaction
from services.audit.model import InteractionKind
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.written_parts import ONE_WRITE_BYTES, WrittenPart, WrittenParts
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.audit.storage.schema.tables_access import ACCESS_EVENTS
from services.runtime.uuid7 import uuid7

FILES = {"data.bin": 500, "count.txt": 1, "checksums.txt": 300, "columns.txt": 200, "metadata_version.txt": 1}
LARGE = {**FILES, "data.bin": ONE_WRITE_BYTES}


def write(part: Path, sizes: dict[str, int]) -> None:
    part.mkdir(parents=True)
    for name, size in sizes.items():
        (part / name).write_bytes(bytes(size))


def test_only_new_parts_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "20261130_1_1_0", FILES)
    parts = WrittenParts()
    parts.add({"chunks": tmp_path, "dropped": tmp_path / "none"})
    for name in ("detached", "tmp_insert_20261130_3_3_0", "delete_tmp_20261130_1_1_0"):
        write(tmp_path / name, FILES)
    (tmp_path / "mutation_5.txt").write_text("")
    write(tmp_path / "20261130_2_2_0", FILES)
    write(tmp_path / "all_1_2_1_7", FILES)
    assert parts.look() == [
        WrittenPart("chunks", "20261130_2_2_0", FILES),
        WrittenPart("chunks", "all_1_2_1_7", FILES),
    ]
    assert parts.look() == []


def test_a_directory_that_has_not_changed_for_a_while_is_looked_at_again_when_it_changes(tmp_path: Path) -> None:
    long_ago_s = time.time() - 60
    write(tmp_path / "20261130_1_1_0", FILES)
    os.utime(tmp_path, (long_ago_s, long_ago_s))
    parts = WrittenParts()
    parts.add({"chunks": tmp_path})
    assert parts.look() == []
    write(tmp_path / "20261130_2_2_0", FILES)
    assert [part.name for part in parts.look()] == ["20261130_2_2_0"]
    # In the same tick of the clock as the last look, and so with the same time.
    changed = tmp_path.stat()
    assert parts.look() == []
    write(tmp_path / "20261130_3_3_0", FILES)
    os.utime(tmp_path, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert [part.name for part in parts.look()] == ["20261130_3_3_0"]


def test_a_look_that_fails_forgets_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {name: tmp_path / name for name in ("chunks", "windows")}
    for directory in tables.values():
        directory.mkdir()
    parts = WrittenParts()
    parts.add(tables)
    for directory in tables.values():
        write(directory / "20261130_1_1_0", FILES)
    real = os.scandir

    def failing(path: Path) -> object:
        if Path(path) == tables["windows"]:
            raise OSError
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        with pytest.raises(OSError):  # noqa: PT011 - no message
            parts.look()
    assert [part.table for part in parts.look()] == ["chunks", "windows"]


@pytest.mark.parametrize(
    ("name", "is_inserted"),
    [
        *(("20261130_12_12_0", True), ("all_1_1_0", True), ("20261130_12_12_0_15", False)),
        *(("20261130_1_9_2", False), ("20261130_4_4_1", False)),
    ],
)
def test_parts_of_one_insert(name: str, is_inserted: bool) -> None:
    assert WrittenPart("chunks", name, FILES).is_inserted is is_inserted


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_found(name: str) -> None:
    assert WrittenPart("chunks", "all_1_1_0", FILES).is_whole()
    assert not WrittenPart("chunks", "all_1_1_0", FILES | {name: 0}).is_whole()
    size_bytes = ONE_WRITE_BYTES + 1
    assert WrittenPart("chunks", "all_1_1_0", LARGE).is_whole(size_bytes)
    assert not WrittenPart("chunks", "all_1_1_0", LARGE | {name: 0}).is_whole(size_bytes)


def test_a_short_file_of_a_large_part_is_found() -> None:
    assert not WrittenPart("chunks", "all_1_1_0", FILES).is_large
    short = WrittenPart("chunks", "all_1_1_0", LARGE | {"data.bin": ONE_WRITE_BYTES - 1})
    assert short.is_large
    assert not short.is_whole(ONE_WRITE_BYTES + 1)


@pytest.mark.parametrize("count", [1, 40, 2_000])
async def test_all_that_the_engine_writes_is_whole(tmp_path: Path, count: int) -> None:
    """In every table, small and large, merged, altered, deleted and dropped."""
    engine = await ChdbEngine.open(tmp_path / "chdb", 2)
    dialect = Dialect(engine.version)
    await migrate(engine, dialect)
    store = RecordingStore(engine, dialect, Retention({"demo": 1}, lambda: NOW_MS), lambda: NOW_MS)
    keys = [window_key(NOW_MS - 60_000 - number) for number in range(count)]
    found = [Interaction(InteractionKind.CLICK, NOW_MS, f"https://shop.example/{n}", 1.0, 2.0) for n in range(3)]
    with capture_logs() as logs:
        for seq in (1, 2, 3):
            rows = [chunk(key, seq, text=os.urandom(2_000), found=found, first_number=3 * seq) for key in keys]
            await store.insert([head(key, user_agent=str(key.session)) for key in keys], rows)
            day = rows[0].kept_from
            entries = [
                (
                    "demo",
                    day,
                    NOW_MS,
                    uuid7(NOW_MS),
                    1,
                    1,
                    "sub",
                    "",
                    key.session,
                    "/a.B/C",
                    "",
                    "",
                    os.urandom(20).hex(),
                )
                for key in keys
            ]
            await engine.insert(ACCESS_EVENTS, entries)
        await store.mark_deleted("demo", [key.session for key in keys[::2]])
        await store.delete("demo", [key.session for key in keys[::2]])
        for table in ("windows", "chunks", "sessions", "interactions", "access_events", "deletions"):
            await engine.execute(f"OPTIMIZE TABLE {table} FINAL")
        await store.insert([head(keys[0])], [chunk(keys[0], 9)])
        for table in ("windows", "chunks", "sessions", "interactions"):
            await engine.execute(f"ALTER TABLE {table} DROP PARTITION '{day}'")
        await store.insert([head(keys[0])], [chunk(keys[0], 9)])
    await engine.close()
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []
