"""kill -9, or one EIO, at each change of a file, by inserts, merges, mutations, migrations and the recording log."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from support import clickhouse
from support.fault_shim import FaultShim
from support.wait import PATIENCE_S

STORAGE = "operating.storage_steps"
LOG = "operating.log_steps"
TESTS = Path(__file__).parents[1]

MAX_RUN_S = 2 * PATIENCE_S
"""Time for all steps. A server that a fault leaves hanging has given its promises until then, like one that is gone."""

Opening = Callable[[dict[str, str]], AbstractContextManager[str]]
"""Yields the engine's place for STEPS_ENGINE; the variables are those of the process that has the files open."""


def steps(program: str, command: str, engine: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(map(str, (TESTS, TESTS.parent, TESTS.parent / "gen")))
    line = [sys.executable, "-m", program, command]
    try:
        return subprocess.run(
            line,
            env=os.environ | {"PYTHONPATH": paths, "STEPS_ENGINE": engine} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=MAX_RUN_S,
        )
    except subprocess.TimeoutExpired as hung:
        return subprocess.CompletedProcess(line, -9, bytes(hung.stdout or b"").decode(), "it hung")


def promises_of(
    opening: Opening, environment: dict[str, str], *, is_server: bool = False, program: str = STORAGE
) -> str:
    try:
        with opening(environment if is_server else {}) as engine:
            return steps(program, "run", engine, {} if is_server else environment).stdout
    except pytest.fail.Exception:  # the server did not get as far as its port
        return ""


def verify(promises: str, opening: Opening, program: str = STORAGE) -> None:
    with opening({}) as engine:
        done = steps(program, "check", engine, {})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    words = [line.split() for line in promises.splitlines()]
    begun = {line[1] for line in words if line[0] == "deleting"}
    deleted = {line[1] for line in words if line[0] == "deleted"}
    stored = [line[1:] for line in words if line[0] == "stored"]
    for session, seq in stored:
        if session not in begun:
            assert found["chunks"].get(f"{session} {seq}") == 1, (session, seq, promises)
            assert found["totals"][session] >= int(seq)
    assert [name for name in found["chunks"] if name.split()[0] in deleted] == []
    assert set(found["chunks"].values()) <= {1}


def openings(engine: str, directory: Path) -> Opening:
    if engine == "chdb":
        return lambda _: nullcontext(str(directory))
    return lambda environment: clickhouse.server(directory, environment)


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(3_600)
@pytest.mark.catalogue("chdb-kill", "server-eio")
@pytest.mark.parametrize("kind", ["kill", "eio"])
@pytest.mark.parametrize("engine", ["chdb", pytest.param("server", marks=pytest.mark.clickhouse)])
def test_a_fault_at_any_change_of_a_file_breaks_no_promise(tmp_path, campaign_rounds, engine, kind):
    shim = FaultShim(tmp_path)
    calm = tmp_path / "calm"
    promises = promises_of(openings(engine, calm), shim.environment(calm, kind, 0), is_server=engine == "server")
    assert promises.splitlines()[-1] == "ended"
    verify(promises, openings(engine, calm))
    count = shim.count
    assert count > 200, "the shim sees hardly any changes"
    choices = random.Random(20261129)
    cut_off = 0
    for number in range(campaign_rounds(1, 150)):
        directory = tmp_path / f"round{number}"
        at = choices.randrange(1, count)
        environment = shim.environment(directory, kind, at)
        promises = promises_of(openings(engine, directory), environment, is_server=engine == "server")
        cut_off += not promises.endswith("ended\n")
        try:
            verify(promises, openings(engine, directory))
        except AssertionError as error:
            error.add_note(f"after {kind} at change {at} of {count}")
            raise
    assert cut_off or kind == "eio"


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", ["kill", "tear", "eio"])
def test_a_fault_at_any_change_of_the_log_breaks_no_promise(tmp_path, campaign_rounds, kind):
    """Between write, sync, ack, insert and deletion of segments, and in the middle of a write."""
    shim = FaultShim(tmp_path)
    calm = tmp_path / "calm"
    promises = promises_of(openings("chdb", calm), shim.environment(calm, kind, 0, within="/log/"), program=LOG)
    assert promises.splitlines()[-1] == "ended"
    verify(promises, openings("chdb", calm), LOG)
    count = shim.count
    assert count > 50, "the shim sees hardly any changes"
    cut_off = 0
    for at in random.Random(20261130).sample(range(1, count), campaign_rounds(2, count - 1)):
        directory = tmp_path / f"at{at}"
        environment = shim.environment(directory, kind, at, within="/log/")
        promises = promises_of(openings("chdb", directory), environment, program=LOG)
        cut_off += not promises.endswith("ended\n")
        try:
            verify(promises, openings("chdb", directory), LOG)
        except AssertionError as error:
            error.add_note(f"after {kind} at change {at} of {count}")
            raise
        shutil.rmtree(directory)
    assert cut_off or kind == "eio"


FILES_OF_A_PART = [
    *("data.bin", "data.cmrk4", "primary.cidx", "partition.dat", "minmax_day.idx", "count.txt", "columns.txt"),
    *("serialization.json", "columns_substreams.txt", "metadata_version.txt", "default_compression_codec.txt"),
    *("ttl.txt", "checksums.txt"),
]


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.catalogue("data.bin", "checksums*")
@pytest.mark.parametrize("file", FILES_OF_A_PART)
def test_a_file_of_an_insert_that_is_not_written_loses_nothing(tmp_path, file):
    """The database reports no error, and finds the part broken at its next start."""
    shim, directory = FaultShim(tmp_path), tmp_path / "data"
    # The last insert of chunks, which no merge follows. In each table the file is opened and written; heads are first.
    environment = shim.environment(directory, "eio", 4, within=f"tmp_insert_20260615_14_14_0/{file}")
    promises = promises_of(openings("chdb", directory), environment)
    assert shim.count >= 4, "there is no such file"
    assert promises.endswith("ended\n")
    verify(promises, openings("chdb", directory))


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.catalogue("tmp_merge*-data.bin", "tmp_mut*-checksums.txt")
@pytest.mark.parametrize("file", [file for file in FILES_OF_A_PART if file != "ttl.txt"])
@pytest.mark.parametrize("part", ["tmp_merge_20260615_1_9_2", "tmp_mut_20260615_1_9_2_10"])
def test_a_file_of_a_merge_or_mutation_that_is_not_written_is_noticed_before_its_sources_are_gone(tmp_path, part, file):
    """Sources are kept for eight minutes. The table is loaded again while they are there."""
    shim, directory = FaultShim(tmp_path), tmp_path / "data"
    environment = shim.environment(directory, "eio", 2, within=f"{part}/{file}")
    promises = promises_of(openings("chdb", directory), environment)
    assert shim.count >= 2, "there is no such file"
    assert list(directory.glob(f"store/*/*/detached/broken*{part.removeprefix('tmp_').split('_', 1)[1]}"))
    assert promises.endswith("ended\n")
    verify(promises, openings("chdb", directory))


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_a_definition_that_is_not_written_does_not_close_the_database(tmp_path, campaign_rounds):
    """Without it the next start ends in "Empty query", and nothing can be read any more."""
    shim = FaultShim(tmp_path)
    calm = tmp_path / "calm"
    promises_of(openings("chdb", calm), shim.environment(calm, "eio", 0, within=".sql"))
    changes = list(range(1, shim.count + 1))
    assert len(changes) > 100, "the shim sees hardly any changes"
    for number in random.Random(20261130).sample(changes, campaign_rounds(2, 100)):
        directory = tmp_path / f"round{number}"
        environment = shim.environment(directory, "eio", number, within=".sql")
        promises = promises_of(openings("chdb", directory), environment)
        try:
            verify(promises, openings("chdb", directory))
        except AssertionError as error:
            error.add_note(f"at change {number} of {len(changes)}")
            raise
