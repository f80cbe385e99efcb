"""The store of files: a directory, and an S3 server that is not ours (moto's)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from uuid import uuid4

import pytest
from support.export import DONE, FAILED, export_service
from support.ports import free_port
from support.small_disk import small_disk
from support.wait import PATIENCE_S

from services.export.model import ExportError
from services.export.results.scratch import Spool, drop_abandoned, scratch
from services.export.results.store import READ_BYTES, ResultStore
from services.export.worker.app import work
from services.runtime.errors import Unavailable
from services.runtime.settings.loader import SettingsError, load_settings


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + PATIENCE_S
            while True:
                assert server.poll() is None, "moto did not start"
                assert time.monotonic() < end
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def s3_settings(endpoint: str, bucket: str) -> dict[str, str]:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT"), timeout=PATIENCE_S).close()
    return {"url": f"s3://{bucket}/some/prefix", "endpoint": endpoint, "access_key": "key", "secret_key": "secret"}


@pytest.fixture(params=["directory", "s3"])
def results_settings(request, tmp_path):
    if request.param == "directory":
        return {}
    return s3_settings(request.getfixturevalue("s3_endpoint"), f"bucket-{uuid4().hex[:8]}")


@pytest.fixture
def store(results_settings, tmp_path) -> ResultStore:
    # An hour ahead: all files are old.
    return ResultStore.of(
        load_settings(data_dir=tmp_path / "data", results=results_settings), lambda: time.time() + 3600
    )


async def read(store, key, offset=0) -> bytes:
    parts = [part async for part in store.read(key, offset)]
    assert all(0 < len(part) <= READ_BYTES for part in parts)
    return b"".join(parts)


async def keys(store, older_than_s=0.0) -> list[str]:
    return sorted([key async for batch in store.keys(older_than_s) for key in batch])


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 20 * 1024**2 + 7])
async def test_a_file_comes_back_as_it_was(store, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    await store.put("demo/one/abc", tmp_path / "file")
    await store.put("demo/one/abc", tmp_path / "file")
    assert await read(store, "demo/one/abc") == data
    for offset in {1, size // 2, size - 1}:
        if 0 < offset < size:
            assert await read(store, "demo/one/abc", offset) == data[offset:]
    assert await keys(store) == ["demo/one/abc"]
    assert await keys(store, 7200.0) == []
    await store.delete("demo/one/abc")
    await store.delete("demo/one/abc")
    assert await keys(store) == []
    with pytest.raises(FileNotFoundError):
        await read(store, "demo/one/abc")


async def test_an_unfinished_file_is_not_there(store, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(30 * 1024**2))
    putting = asyncio.create_task(store.put("demo/one/abc", tmp_path / "file"))
    while not putting.done():
        assert await keys(store) in ([], ["demo/one/abc"])
        if await keys(store):
            assert len(await read(store, "demo/one/abc")) == 30 * 1024**2
        await asyncio.sleep(0)
    await putting


async def test_remains_of_killed_processes_go(tmp_path):
    store = ResultStore.of(load_settings(data_dir=tmp_path), lambda: time.time() + 3600)
    directory = tmp_path / "exports" / "results" / "demo" / "one"
    directory.mkdir(parents=True)
    (directory / "abc#1").write_bytes(b"half")
    (directory / "abd").write_bytes(b"whole")
    assert await keys(store) == ["demo/one/abd"]
    assert await store.drop_unfinished(7200.0) == 0
    assert await store.drop_unfinished(60.0) == 1
    assert [path.name for path in directory.iterdir()] == ["abd"]


async def test_a_store_that_is_away_is_unavailable(tmp_path):
    results = {
        "url": "s3://bucket",
        "endpoint": "http://127.0.0.1:1",
        "access_key": "a",
        "secret_key": "b",
        "timeout_s": 1,
    }
    store = ResultStore.of(load_settings(data_dir=tmp_path, results=results))
    (tmp_path / "file").write_bytes(b"x")
    for call in (store.put("demo/one/abc", tmp_path / "file"), read(store, "demo/one/abc"), store.delete("a/b/c")):
        with pytest.raises(Unavailable) as error:
            await call
        assert error.value.reason == "RESULTS_UNAVAILABLE"


async def test_exports_are_stored_in_s3(export_settings, s3_endpoint, mint, audit):
    results = s3_settings(s3_endpoint, f"bucket-{uuid4().hex[:8]}")
    settings = load_settings(**export_settings.model_dump() | {"results": results})
    async with export_service(settings, mint) as exports, work(settings):
        export = await exports.of_session(await audit.record())
        data = await exports.file(export)
        assert (await exports.download(export.export_id, 100))[1] == data[100:]
        store = ResultStore.of(settings, lambda: time.time() + 3600)
        digest = hashlib.sha256(data).hexdigest()
        assert await keys(store) == [f"demo/{export.export_id}/{digest}"]
        await exports.delete(export.export_id)
        assert await keys(store) == []
    assert not (settings.data_dir / "exports" / "results").exists()


async def test_a_full_disk_fails_an_export_with_its_reason(export_settings, mint, audit, tmp_path):
    session = await audit.record(duration_s=600)
    with small_disk(tmp_path / "small", 256 * 1024) as disk:
        disk.fill(16 * 1024)
        settings = export_settings.model_copy(
            update={"export": export_settings.export.model_copy(update={"max_attempts": 2})}
        )
        (settings.data_dir / "exports").mkdir(parents=True)
        (settings.data_dir / "exports" / "scratch").symlink_to(disk.path, target_is_directory=True)
        async with export_service(settings, mint) as exports, work(settings):
            export = await exports.of_session(session)
            failed = await exports.ended(export.export_id)
            assert (failed.state, failed.failure.reason, failed.attempt_count) == (FAILED, "STORAGE_FULL", 2)
            assert "no space" in failed.failure.message
            disk.empty()
            export = await exports.of_session(session)
            assert (await exports.ended(export.export_id)).state == DONE


class TestScratch:
    def test_a_spool_has_a_limit(self, tmp_path):
        spool = Spool(tmp_path / "a", 10)
        spool.write(b"12345")
        spool.write(b"67890")
        with pytest.raises(ExportError) as error:
            spool.write(b"1")
        assert error.value.failure.reason == "SIZE_LIMIT"
        assert error.value.is_final
        spool.discard()
        assert list(tmp_path.iterdir()) == []

    def test_a_spool_has_its_hash(self, tmp_path):
        spool = Spool(tmp_path / "a", 10)
        spool.write(b"12")
        spool.write(b"3")
        assert spool.complete() == hashlib.sha256(b"123").hexdigest()
        assert (tmp_path / "a").read_bytes() == b"123"

    def test_directories_of_the_dead_go_and_of_the_living_stay(self, tmp_path):
        root = tmp_path / "scratch"
        code = (
            "import time, sys; from pathlib import Path; from services.export.results.scratch import scratch\n"
            "with scratch(Path(sys.argv[1])): print('in', flush=True); time.sleep(600)"
        )
        started = [
            subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in started:
            assert process.stdout.readline() == "in\n"
        for directory in root.iterdir():
            (directory / "file").write_bytes(b"x")
        started[0].kill()
        started[0].wait()
        with scratch(root):
            assert len(list(root.iterdir())) == 2
        assert [path.name.partition("-")[0] for path in root.iterdir()] == [str(started[1].pid)]
        assert drop_abandoned(root) == 0
        (root / ".new-1-a").mkdir()
        assert drop_abandoned(root) == 0
        (root / ".new-1-a").rmdir()
        started[1].kill()
        started[1].wait()
        for process in started:
            process.stdout.close()
        assert drop_abandoned(root) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"url": "s3://b"},
        {"url": "http://bucket"},
        {"endpoint": "http://127.0.0.1"},
        {"url": "s3://bucket", "access_key": "a"},
    ],
)
def test_bad_settings_are_refused(values, tmp_path):
    with pytest.raises(SettingsError):
        load_settings(data_dir=tmp_path, results=values)
