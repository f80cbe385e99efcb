"""Definitions of tables that the embedded engine could not write: the last whole ones are in their places again."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.audit.storage.engine import written_files, written_parts
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.engine import StorageAway, Table
from services.audit.storage.engine.table_definitions import COPIES, Repaired, TableDefinitions

WHOLE = b"ATTACH TABLE _ UUID '587896e3'\n(\n    `x` UInt8\n)\nENGINE = MergeTree\nORDER BY x\n"


def write(directory: Path, name: str, data: bytes = WHOLE) -> Path:
    """As the engine: a new file takes the place of the old one."""
    folder = directory / "store" / "587" / "587896e3"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "new"
    new.write_bytes(data)
    return new.rename(folder / name)


@pytest.mark.parametrize("kept_bytes", [0, 1, 40, len(WHOLE) - 1])
def test_a_definition_that_was_cut_off_is_restored(tmp_path, kept_bytes):
    definitions = TableDefinitions(tmp_path)
    write(tmp_path, "kept.sql")
    assert definitions.keep()
    assert not definitions.keep()
    path = write(tmp_path, "kept.sql", WHOLE[:kept_bytes])
    assert TableDefinitions(tmp_path).repair() == [Repaired("kept", has_copy=True)]
    assert path.read_bytes() == WHOLE
    assert definitions.repair() == []
    assert not definitions.keep()


def test_the_last_whole_definition_is_restored(tmp_path):
    definitions = TableDefinitions(tmp_path)
    write(tmp_path, "kept.sql")
    definitions.keep()
    second = WHOLE.replace(b"UInt8", b"UInt16")
    write(tmp_path, "kept.sql", second)
    assert definitions.keep()
    path = write(tmp_path, "kept.sql", b"")
    definitions.repair()
    assert path.read_bytes() == second


def test_a_definition_that_never_was_whole_is_removed(tmp_path):
    definitions = TableDefinitions(tmp_path)
    definitions.keep()
    path = write(tmp_path, "begun.sql", b"")
    assert definitions.repair() == [Repaired("begun", has_copy=False)]
    assert not path.exists()
    assert definitions.repair() == []


def test_without_any_copies_nothing_is_removed(tmp_path):
    """A directory of an earlier version: the table may have rows."""
    path = write(tmp_path, "begun.sql", b"")
    assert TableDefinitions(tmp_path).repair() == []
    assert path.exists()


def test_copies_of_dropped_tables_are_not_kept(tmp_path):
    definitions = TableDefinitions(tmp_path)
    path = write(tmp_path, "dropped.sql")
    definitions.keep()
    path.unlink()
    assert definitions.keep()
    assert list((tmp_path / COPIES).iterdir()) == []
    assert definitions.repair() == []


def test_without_hard_links_definitions_are_copied(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refused)
    definitions = TableDefinitions(tmp_path)
    write(tmp_path, "kept.sql")
    definitions.keep()
    path = write(tmp_path, "kept.sql", b"")
    definitions.repair()
    assert path.read_bytes() == WHOLE


def test_copies_that_cannot_be_made_stop_nothing(tmp_path):
    write(tmp_path, "kept.sql")
    (tmp_path / COPIES).write_bytes(b"")
    assert TableDefinitions(tmp_path).keep()


async def test_a_statement_whose_definition_was_not_written_has_failed_in_memory_too(tmp_path):
    engine = await ChdbEngine.open(tmp_path, 1)
    try:
        await engine.execute("CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x")
        await engine.execute("INSERT INTO kept VALUES (1)")
        (path,) = tmp_path.glob("store/*/*/kept.sql")
        path.unlink()  # not in place: the copy is the same file
        path.write_bytes(b"")
        with pytest.raises(StorageAway) as raised:
            await engine.execute("INSERT INTO kept VALUES (2)")
        assert raised.value.detail == "the definition of kept was not written"
        assert await engine.query("SELECT x FROM kept ORDER BY x") == [(1,), (2,)]
        assert path.stat().st_size > 0
    finally:
        await engine.close()


async def test_a_table_that_is_read_is_loaded_again_when_the_read_has_ended(tmp_path):
    engine = await ChdbEngine.open(tmp_path, 2)
    try:
        await engine.execute("CREATE TABLE kept (x UInt64, y String) ENGINE = MergeTree ORDER BY x")
        await engine.execute("INSERT INTO kept SELECT number, repeat('y', 1000) FROM numbers(20000)")
        blocks = engine.blocks("SELECT x, y FROM kept", ["UInt64", "String"])
        await anext(blocks)
        (path,) = tmp_path.glob("store/*/*/kept.sql")
        path.unlink()
        path.write_bytes(b"")
        failing = asyncio.create_task(engine.execute("SELECT 1"))
        await asyncio.sleep(0.2)
        await blocks.aclose()
        with pytest.raises(StorageAway):
            await failing
        assert await engine.query("SELECT count() FROM kept") == [(20_000,)]
    finally:
        await engine.close()


def test_a_repair_that_fails_leaves_no_other_file_beside_the_definitions(tmp_path, monkeypatch):
    """The database does not open a directory of definitions with a file of another kind."""
    definitions = TableDefinitions(tmp_path)
    write(tmp_path, "kept.sql")
    definitions.keep()
    path = write(tmp_path, "kept.sql", b"")

    def failing(*_: object) -> None:
        raise OSError(errno.EIO, "failed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        with pytest.raises(OSError, match="failed"):
            definitions.repair()
    assert [file.name for file in path.parent.iterdir()] == ["kept.sql"]
    assert definitions.repair() == [Repaired("kept", has_copy=True)]
    definitions.keep()
    assert [file.name for file in (tmp_path / COPIES).iterdir()] == ["587896e3-kept.sql"]


async def test_all_tables_that_have_to_be_loaded_again_are_although_one_cannot_be_at_first(tmp_path, monkeypatch):
    monkeypatch.setattr(written_files, "MAX_RELOAD_S", 0.1)
    engine = await ChdbEngine.open(tmp_path, 2)
    try:
        for table in ("first", "second"):
            await engine.execute(f"CREATE TABLE {table} (x UInt64, y String) ENGINE = MergeTree ORDER BY x")
            await engine.execute(f"INSERT INTO {table} SELECT number, repeat('y', 1000) FROM numbers(20000)")
        blocks = engine.blocks("SELECT x, y FROM first", ["UInt64", "String"])
        await anext(blocks)
        for path in tmp_path.glob("store/*/*/*.sql"):
            path.unlink()
            path.write_bytes(b"")
        with capture_logs() as logs:
            with pytest.raises(StorageAway):
                await engine.execute("SELECT 1")
            await blocks.aclose()
            await engine.execute("SELECT 1")
        assert [entry["table"] for entry in logs if entry["event"] == "loaded a table again"] == ["first", "second"]
        for table in ("first", "second"):
            assert await engine.query(f"SELECT count() FROM {table}") == [(20_000,)]
    finally:
        await engine.close()


async def test_a_disk_that_cannot_be_read_fails_the_statement_and_not_the_service(tmp_path, monkeypatch):
    engine, table = await ChdbEngine.open(tmp_path, 1), Table("kept", (("x", "UInt8"),))
    try:
        await engine.execute("CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x")

        def failing(*_: object) -> None:
            raise OSError(errno.EIO, "failed")

        with monkeypatch.context() as patch:
            patch.setattr(written_parts.os, "scandir", failing)
            with pytest.raises(StorageAway):
                await engine.insert(table, [(1,)])
        await engine.insert(table, [(2,)])
    finally:
        await engine.close()
