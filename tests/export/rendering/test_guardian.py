"""Child processes leave nothing behind, however they or their parents end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil
import pytest
from support.wait import PATIENCE_S
from support.web import ROOT

from services.export.rendering import guardian
from services.export.rendering.processes import guarded

BOUNDS = {"environment": {"PATH": "/usr/bin:/bin"}, "memory_bytes": 1 << 30, "file_bytes": 1 << 20, "cpu_s": 600}
DEEP = "trap '' TERM HUP INT; setsid sh -c 'echo $$; sleep 600' & sleep 600 & wait"
"""A child with a child that has left its session, and one more."""

WORKER = f"""
import asyncio, pathlib, sys

from services.export.rendering.processes import guarded

async def main():
    async with guarded(
        ["/bin/sh", "-c", {DEEP!r}], remove=[pathlib.Path(sys.argv[1])], **{BOUNDS!r}
    ) as process:
        print(process.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def until(condition):
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def tree_of(pid, count):
    """The process and its descendants, once it has `count` of them."""
    until(lambda: len(psutil.Process(pid).children(recursive=True)) >= count)
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def are_gone(processes):
    return all(map(_is_gone, processes))


def _is_gone(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def worker(tmp_path):
    """A worker with a child, and the child's directory."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "file").write_text("left")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"}
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, folder], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        yield process, int(process.stdout.readline()), folder
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_worker(number, worker):
    process, pid, folder = worker
    tree = tree_of(pid, 4)
    process.send_signal(number)
    until(lambda: are_gone(tree) and not folder.exists())


@pytest.mark.parametrize("depth", [0, 1])
def test_a_guardian_dies_and_all_the_rest_with_it(depth, worker):
    _, pid, folder = worker
    tree = tree_of(pid, 4)
    tree[depth].kill()
    until(lambda: are_gone(tree) and not folder.exists())


async def test_the_end_of_the_block_is_the_end_of_all(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    async with guarded(["/bin/sh", "-c", DEEP], remove=[folder], **BOUNDS) as process:
        tree = await asyncio.to_thread(tree_of, process.pid, 4)
        assert not are_gone(tree)
    assert are_gone(tree)
    assert not folder.exists()


async def test_a_cancelled_block_ends_all():
    tree = []

    async def run():
        async with guarded(["/bin/sh", "-c", DEEP], **BOUNDS) as process:
            tree.extend(await asyncio.to_thread(tree_of, process.pid, 4))
            await asyncio.sleep(PATIENCE_S)

    task = asyncio.create_task(run())
    while not tree:  # noqa: ASYNC110 - processes set no events
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert are_gone(tree)


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)])
async def test_the_status_is_that_of_the_child(command, status):
    async with guarded(["/bin/sh", "-c", command], **BOUNDS) as process:
        assert await process.wait() == status


async def test_a_program_that_is_not_there():
    async with guarded(["/no/such/program"], **BOUNDS) as process:
        assert await process.wait() == guardian.CANNOT_RUN
    assert "/no/such/program" in process.stderr


async def test_too_much_memory_ends_it():
    grow = "held = [bytearray(8 << 20) for _ in range(64)]; import time; time.sleep(600)"
    async with guarded([sys.executable, "-c", grow], **{**BOUNDS, "memory_bytes": 200 << 20}) as process:
        assert await process.wait() == guardian.OUT_OF_MEMORY


async def test_files_are_bounded(tmp_path):
    command = f"dd if=/dev/zero of={tmp_path}/file bs=1M count=4 2>/dev/null"
    async with guarded(["/bin/sh", "-c", command], **BOUNDS) as process:
        await process.wait()
    assert (tmp_path / "file").stat().st_size <= 1 << 20


CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5)"


@pytest.mark.parametrize("has_network", [True, False])
async def test_there_is_no_network(has_network):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        argv = [sys.executable, "-c", CONNECT, str(port)]
        async with guarded(argv, has_network=has_network, **BOUNDS) as process:
            status = await process.wait()
    if process.missing:
        pytest.skip(f"this system gives none: {process.missing}")
    assert (status == 0) == has_network, process.stderr


def _accept(server):
    with suppress(OSError):
        server.accept()[0].close()


async def test_further_descriptors_come_where_they_are_wanted():
    read, write = os.pipe()
    try:
        async with guarded(["/bin/sh", "-c", "echo here >&7"], fds={7: write}, **BOUNDS) as process:
            os.close(write)
            await process.wait()
        assert os.read(read, 100) == b"here\n"
        assert os.read(read, 100) == b""  # no other process holds it
    finally:
        os.close(read)
