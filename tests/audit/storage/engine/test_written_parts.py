"""Parts of which a file is empty or short are found among the new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.audit.storage.engine.written_parts import ONE_WRITE_BYTES, WrittenPart, WrittenParts

FILES = {"data.bin": 500, "count.txt": 1, "checksums.txt": 300, "columns.txt": 200, "metadata_version.txt": 1}
LARGE = {**FILES, "data.bin": ONE_WRITE_BYTES}


def write(part: Path, sizes: dict[str, int]) -> None:
    part.mkdir(parents=True)
    for name, size in sizes.items():
        (part / name).write_bytes(bytes(size))


def test_only_new_parts_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "20261130_1_1_0", FILES)
    parts = WrittenParts({"chunks": tmp_path, "dropped": tmp_path / "none"})
    assert "chunks" in parts
    assert "windows" not in parts
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
