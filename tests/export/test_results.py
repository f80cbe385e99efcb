"""The store of files: a directory, and an S3 server that is not ours (moto's)."""

from __future__ import annotations

import asyncio
import base64
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
from services.export.results.encryption import HEADER_BYTES, SEGMENT_BYTES, STORED_SEGMENT_BYTES, TAG_BYTES
from services.export.results.scratch import Spool, drop_abandoned, scratch
from services.export.results.store import READ_BYTES, ResultStore
from services.export.worker.app import work
from services.runtime.errors import Unavailable
from services.runtime.settings.exports import KEY_BYTES
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


def new_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


@pytest.fixture(params=["directory", "s3", "encrypted-directory", "encrypted-s3"])
def results_settings(request):
    found = {"encryption_keys": [new_key()]} if request.param.startswith("encrypted") else {}
    if request.param.endswith("directory"):
        return found
    return found | s3_settings(request.getfixturevalue("s3_endpoint"), f"bucket-{uuid4().hex[:8]}")


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


SIZES = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, READ_BYTES, 20 * 1024**2 + 7]


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_comes_back_as_it_was(store, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    await store.put("demo/one/abc", tmp_path / "file")
    await store.put("demo/one/abc", tmp_path / "file")
    assert await read(store, "demo/one/abc") == data
    for offset in {1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, size // 2, size - 1}:
        if 0 < offset < size:
            assert await read(store, "demo/one/abc", offset) == data[offset:]
    assert await keys(store) == ["demo/one/abc"]
    assert await keys(store, 7200.0) == []
    await store.delete("demo/one/abc")
    await store.delete("demo/one/abc")
    assert await keys(store) == []
    with pytest.raises(FileNotFoundError):
        await read(store, "demo/one/abc")


@pytest.fixture
def encrypted(tmp_path):
    """A function that opens the store of a directory with these keys."""

    def opened(*keys: str) -> ResultStore:
        return ResultStore.of(load_settings(data_dir=tmp_path / "data", results={"encryption_keys": list(keys)}))

    return opened


async def refusal(store: ResultStore, key: str, offset: int = 0) -> Unavailable:
    with pytest.raises(Unavailable, match="cannot be decrypted") as refused:
        await read(store, key, offset)
    return refused.value


async def test_the_stored_bytes_are_not_those_of_the_file(encrypted, tmp_path):
    words = b"Anna Schmidt, 4111 1111 1111 1111. " * 10_000
    (tmp_path / "file").write_bytes(words)
    store = encrypted(new_key())
    await store.put("demo/one/abc", tmp_path / "file")
    [stored] = [path for path in (tmp_path / "data").rglob("abc*") if path.is_file()]
    first = stored.read_bytes()
    assert b"Schmidt" not in first
    assert len(first) == HEADER_BYTES + len(words) + TAG_BYTES * -(-len(words) // SEGMENT_BYTES)
    await store.put("demo/one/abc", tmp_path / "file")
    assert stored.read_bytes()[HEADER_BYTES:64] != first[HEADER_BYTES:64], "each time with another key"
    assert await read(store, "demo/one/abc") == words


async def test_keys_replace_each_other(encrypted, tmp_path):
    old, new = new_key(), new_key()
    (tmp_path / "file").write_bytes(b"kept")
    await encrypted().put("demo/plain/abc", tmp_path / "file")
    await encrypted(old).put("demo/old/abc", tmp_path / "file")
    both = encrypted(new, old)
    await both.put("demo/new/abc", tmp_path / "file")
    for name in ("plain", "old", "new"):
        assert await read(both, f"demo/{name}/abc") == b"kept"
    assert (await refusal(encrypted(new), "demo/old/abc")).reason == "RESULTS_UNAVAILABLE"
    assert await read(encrypted(new), "demo/new/abc") == b"kept"


@pytest.mark.parametrize("damage", ["changed", "cut", "cut-at-a-segment", "exchanged", "longer", "moved"])
async def test_a_damaged_file_is_refused(encrypted, tmp_path, damage):
    store = encrypted(new_key())
    for name in ("one", "two"):
        (tmp_path / "file").write_bytes(os.urandom(4 * SEGMENT_BYTES))
        await store.put(f"demo/{name}/abc", tmp_path / "file")
    one, two = (tmp_path / "data" / "exports" / "results" / "demo" / name / "abc" for name in ("one", "two"))
    data = bytearray(one.read_bytes())
    if damage == "changed":
        data[len(data) // 2] ^= 1
    elif damage == "cut":
        del data[-1:]
    elif damage == "cut-at-a-segment":
        del data[-STORED_SEGMENT_BYTES:]
    elif damage == "longer":
        data += bytes(STORED_SEGMENT_BYTES)
    elif damage == "moved":
        begin, middle, end = (HEADER_BYTES + number * STORED_SEGMENT_BYTES for number in (0, 1, 2))
        data[begin:end] = data[middle:end] + data[begin:middle]
    else:
        data = bytearray(two.read_bytes())
    one.write_bytes(data)
    await refusal(store, "demo/one/abc")


@pytest.mark.parametrize("key", ["", "short", "A" * 44, base64.b64encode(bytes(32)).decode(), new_key()[:-4]])
def test_what_is_no_key_is_refused(key, tmp_path):
    with pytest.raises(SettingsError, match="openssl rand -base64 32"):
        load_settings(data_dir=tmp_path, results={"encryption_keys": [key]})


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
