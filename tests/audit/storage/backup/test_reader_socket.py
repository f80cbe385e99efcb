"""The reads of a backup on the socket of the process that has the embedded engine open."""

from __future__ import annotations

import asyncio

import pytest
from audit.storage import chunk, head, window_key

from services.audit.storage.backup.reader_socket import SOCKET, SocketSource, served_reads
from services.audit.storage.backup.source import EngineSource
from services.audit.storage.engine.engine import StorageError
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention


@pytest.fixture
async def source(engine, dialect, clock):
    store = RecordingStore(engine, dialect, Retention({}, clock), clock)
    keys = [window_key() for _ in range(3)]
    await store.insert([head(key) for key in keys], [chunk(key, 1) for key in keys])
    return EngineSource(engine, dialect)


@pytest.fixture
async def served(source, tmp_path):
    async with served_reads(source, tmp_path):
        yield SocketSource(tmp_path)


async def rows_of(source, read="chunks"):
    [day] = await source.days(0)
    return [block async for block in source.blocks(read, day)]


async def test_the_answers_are_those_of_the_engine(source, served):
    assert await served.overview() == await source.overview()
    assert await rows_of(served) == await rows_of(source)
    assert await served.days(2) == []


async def test_a_failure_of_the_engine_and_an_unknown_read_reach_the_reader(served, source, monkeypatch):
    def failing(read, day):
        return source._engine.blocks("SELECT nonsense FROM chunks", ())

    with pytest.raises(StorageError, match="another version"):
        await rows_of(served, "a table of the future")
    monkeypatch.setattr(source, "blocks", failing)
    with pytest.raises(StorageError, match="nonsense"):
        await rows_of(served)


@pytest.mark.parametrize("request_line", [b"nonsense\n", b"{}" * 4_000 + b"\n", b'{"stage": 99}\n'])
async def test_bad_requests_end_with_their_connection_only(served, tmp_path, request_line):
    reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
    writer.write(request_line)
    await reader.read()
    writer.close()
    assert sum(block.row_count for block in await rows_of(served)) == 3


async def test_only_its_user_can_open_the_socket_and_it_goes_with_the_process(source, tmp_path):
    async with served_reads(source, tmp_path):
        assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / SOCKET).exists()
    with pytest.raises(OSError, match="No such file"):
        await SocketSource(tmp_path).overview()


async def test_a_socket_that_a_kill_left_behind_is_replaced(source, tmp_path):
    listening = await asyncio.start_unix_server(lambda *_: None, tmp_path / SOCKET)
    listening.close()
    async with served_reads(source, tmp_path):
        assert (await SocketSource(tmp_path).overview()).schema > 0
