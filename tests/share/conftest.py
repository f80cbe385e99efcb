"""ShareService on a real Redis, with the real AuditService in a separate process."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import redis
from support.clock import Clock
from support.share import SECRET, AuditCalls, ShareCalls, audit_process, redis_executables, redis_process
from support.wait import PATIENCE_S

from services.runtime.settings.loader import Settings, load_settings
from services.share import audit_client, passcode
from services.share.app import serve

_EXECUTABLES = redis_executables()


OF_EACH_REDIS = {"test_grants.py", "test_redis_batcher.py"}
"""Files of which all tests run on each Redis in `make test`, too: the others use the same scripts."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """The other tests run on the embedded Redis; with --all on the machine's as well."""
    callspec = getattr(item, "callspec", None)
    if callspec and "redis_server" in callspec.params and item.path.name not in OF_EACH_REDIS:
        item.add_marker(pytest.mark.catalogue("embedded"))


@pytest.fixture(scope="session", params=list(_EXECUTABLES))
def redis_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The embedded Redis, then the machine's."""
    # Not under pytest's own directory: a socket's path may have 107 characters only.
    with (
        tempfile.TemporaryDirectory(prefix="ai-redis-") as directory,
        redis_process(_EXECUTABLES[request.param], Path(directory)) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def audit_address(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with audit_process(tmp_path_factory.mktemp("audit"), redis_server) as address:
        yield address


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ShareService wait for AuditService for as long as a test waits for ShareService."""
    monkeypatch.setattr(audit_client, "TIMEOUT_S", PATIENCE_S)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes passcodes at the least cost: their strength is no matter of these tests."""
    monkeypatch.setattr(passcode, "TIME_COST", 1)
    monkeypatch.setattr(passcode, "MEMORY_KIB", 8)


@pytest.fixture
def share_settings(tmp_path: Path, redis_url: str, audit_address: str) -> Settings:
    return load_settings(
        data_dir=tmp_path / "data",
        environment="test",
        auth={"secret": SECRET, "leeway_s": 0},
        audit={"port": 0, "metrics_port": -1},
        share={"port": 0, "metrics_port": -1, "audit_address": audit_address, "requests_per_minute": 0},
        redis={"url": redis_url, "timeout_s": PATIENCE_S},
        projects=[{"id": "demo"}, {"id": "other"}],
    )


@pytest.fixture
async def audit(audit_address: str, mint) -> AsyncIterator[AuditCalls]:
    async with grpc.aio.insecure_channel(audit_address) as channel:
        yield AuditCalls(channel, mint)


@pytest.fixture
def clock() -> Clock:
    """The clock of `share`."""
    return Clock()


@pytest.fixture
async def share(share_settings: Settings, redis_url: str, mint, clock: Clock) -> AsyncIterator[ShareCalls]:
    """ShareService; after the test, its remaining keys in Redis are checked."""
    async with serve(share_settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        calls = ShareCalls(channel, mint, redis_url, server.address)
        yield calls
    with redis.Redis.from_url(redis_url) as client:
        check_leftovers(client, calls.secrets)


def check_leftovers(client: redis.Redis, secrets: set[str]) -> int:
    """Checks that every key has the prefix and a TTL and contains no secret; returns their number."""
    found = 0
    for name in client.scan_iter():
        found += 1
        assert name.startswith(b"afterimage:test:"), name
        assert client.pttl(name) > 0, name
        readers = {
            b"string": lambda key: [client.get(key)],
            b"hash": lambda key: [part for pair in client.hgetall(key).items() for part in pair],
            b"zset": lambda key: client.zrange(key, 0, -1),
        }
        held = b"\0".join([name, *readers[client.type(name)](name)]).decode(errors="replace")
        for secret in secrets - {""}:
            assert secret not in held, (name, secret)
    return found
