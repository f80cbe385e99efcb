"""The Redis of `afterimage up`, started as `up` starts it, from the wheel and from PATH."""

from __future__ import annotations

import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from support.share import redis_executables
from support.wait import PATIENCE_S

from services.cli.up import redis_process
from services.cli.up.redis_process import find_redis_server, redis_program

from .commands import until

EXECUTABLES = redis_executables()


@pytest.fixture(params=list(EXECUTABLES))
def executable(request: pytest.FixtureRequest) -> str:
    return EXECUTABLES[request.param]


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not under pytest's own directory: a socket's path may have 107 characters only.
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as short:
        yield Path(short)


@contextmanager
def started(executable: str, directory: Path) -> Iterator[tuple[redis.Redis, subprocess.Popen[bytes]]]:
    """Runs the program as the supervisor does; kills it at the end, as a power cut would."""
    socket = directory / "redis.sock"
    program = redis_program(executable, directory / "data", socket)
    with (
        subprocess.Popen(program.command, stdout=subprocess.DEVNULL) as server,
        redis.Redis(unix_socket_path=str(socket), decode_responses=True) as client,
    ):
        try:
            until(lambda: answers(client), "an answer")
            yield client, server
        finally:
            server.kill()


def answers(client: redis.Redis) -> bool:
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def test_serves_this_user_on_a_socket_and_no_network(executable, directory):
    with started(executable, directory) as (client, server):
        assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE((directory / "redis.sock").stat().st_mode) == 0o700
        assert psutil.Process(server.pid).net_connections("inet") == []


def test_scripts_and_published_messages_work(executable, directory):
    with started(executable, directory) as (client, _), client.pubsub() as subscriber:
        script = client.register_script(
            "redis.call('HSET', KEYS[1], 'views', ARGV[1]); redis.call('PEXPIRE', KEYS[1], 60000)\n"
            "redis.call('PUBLISH', 'news', KEYS[1]); return redis.call('HINCRBY', KEYS[1], 'views', 1)"
        )
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=PATIENCE_S)["type"] == "subscribe"
        assert script(["link"], [4]) == 5
        assert 0 < client.pttl("link") <= 60_000
        assert subscriber.get_message(timeout=PATIENCE_S)["data"] == "link"


def test_what_is_written_outlives_a_kill(executable, directory):
    with started(executable, directory) as (client, _):
        client.set("link", "kept", ex=1_000)
    with started(executable, directory) as (client, _):
        assert client.get("link") == "kept"
        assert 0 < client.ttl("link") <= 1_000


def test_the_file_of_a_redis_before_7_is_taken_over(executable, directory):
    words = (["SELECT", "0"], ["SET", "link", "kept"])
    text = "".join(f"*{len(line)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in line) for line in words)
    (directory / "data").mkdir()
    (directory / "data/appendonly.aof").write_text(text)
    with started(executable, directory) as (client, _):
        assert client.get("link") == "kept"
        client.set("more", "new")
    with started(executable, directory) as (client, _):
        assert client.mget("link", "more") == ["kept", "new"]


def test_a_server_on_path_comes_before_the_embedded_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == EXECUTABLES["embedded"]
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).touch(mode=0o700)
        assert find_redis_server() == str(tmp_path / name)


def test_without_the_wheel_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_process.importlib.util, "find_spec", lambda _name: None)
    assert find_redis_server() is None
