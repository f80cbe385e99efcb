"""Damaged files of an embedded engine: without them the database opens again, and they are kept."""

from __future__ import annotations

import pytest

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.damaged_files import set_aside, were_set_aside

WHOLE = b"format version: 1\ncreate time: 2026-11-29 12:44:06\ncommands: (DELETE WHERE s = \\'y\\')\n"


@pytest.mark.parametrize("kept_bytes", [0, 1, 17, 40, len(WHOLE) - 1])
async def test_a_database_with_a_mutation_that_was_cut_off_opens_again(tmp_path, kept_bytes):
    engine = await ChdbEngine.open(tmp_path, 1)
    await engine.execute("CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x")
    await engine.execute("INSERT INTO kept VALUES (1), (2)")
    await engine.execute("ALTER TABLE kept DELETE WHERE x = 2")
    await engine.close()
    (whole,) = tmp_path.glob("store/*/*/mutation_*.txt")
    cut_off = whole.with_name("mutation_9.txt")
    cut_off.write_bytes(WHOLE[:kept_bytes])

    engine = await ChdbEngine.open(tmp_path, 1)
    try:
        assert await engine.query("SELECT x FROM kept") == [(1,)]
    finally:
        await engine.close()
    (aside,) = were_set_aside(tmp_path)
    assert aside.name.endswith("mutation_9.txt")
    assert aside.read_bytes() == WHOLE[:kept_bytes]
    assert whole.exists()


async def test_a_database_with_a_table_whose_creation_was_cut_off_opens_again(tmp_path):
    engine = await ChdbEngine.open(tmp_path, 1)
    await engine.execute("CREATE TABLE begun (x UInt8) ENGINE = MergeTree PARTITION BY x ORDER BY x")
    await engine.close()
    (version,) = tmp_path.glob("store/*/*/format_version.txt")
    before = version.read_bytes()
    version.write_bytes(b"")

    engine = await ChdbEngine.open(tmp_path, 1)
    try:
        await engine.execute("INSERT INTO begun VALUES (1)")
        assert await engine.query("SELECT x FROM begun") == [(1,)]
    finally:
        await engine.close()
    assert version.read_bytes() == before


def test_whole_descriptions_stay(tmp_path):
    folder = tmp_path / "store" / "587" / "587896e3"
    folder.mkdir(parents=True)
    (folder / "mutation_3.txt").write_bytes(WHOLE)
    assert set_aside(tmp_path) == were_set_aside(tmp_path) == []
