"""Processes that process chunks: the same rows as in this process, even when a worker dies."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from support import recordings
from support.wait import PATIENCE_S

from services.audit.domain_settings import behaviour_rules
from services.audit.ingest.process_chunk import GZIP, IDENTITY, InlineProcessor, ProcessedChunk, SentChunk
from services.audit.ingest.sender import Sender
from services.audit.ingest.workers import pool as module
from services.audit.ingest.workers.pool import MAX_TRIES, WorkerPool, default_count, workers
from services.audit.ingest.workers.protocol import WorkerSetup
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds, Fault, deflate
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.window_state import WindowState, read_state
from services.runtime.log import LogOptions
from services.runtime.settings import PageFold, PageSettings

KEY = b"k" * 32
POLICY = load_policy({}, None, "test")
KEEPS_ALL = load_policy({"preset": "keep_all"}, None, "test")
BOUNDS = Bounds(2**26, 2**26, 0)
HEAD = WindowHead(WindowKey("demo", uuid.uuid4(), uuid.uuid4()), dt.date(2026, 1, 1), device_type=2, actor_type=1)
RULES = behaviour_rules(PageSettings(folds=(PageFold(pattern="sku-.*", placeholder=":sku"),)))
AT_MS = 1_790_000_000_000
TYPED = [{"type": 3, "data": {"source": 0, "adds": [], "texts": [{"id": 1, "value": "mail jo@example.org"}]}}]


def here(policy=POLICY) -> InlineProcessor:
    masker = Masker(policy, KEY)
    return InlineProcessor(lambda _: masker, RULES)


class _Nobody(InlineProcessor):
    async def process_chunk(self, *_: object, **__: object) -> ProcessedChunk:
        raise AssertionError("a chunk was processed in this process")


NOBODY = _Nobody(lambda _: Masker(POLICY, KEY), RULES)


def setup_of(policy: Callable, **limits: float) -> Callable[[], WorkerSetup]:
    return lambda: WorkerSetup({"demo": (policy(), KEY)}, RULES, LogOptions(), 4_000, **limits)


@asynccontextmanager
async def pool(count: int = 2, policy: Callable = lambda: POLICY, **limits: float) -> AsyncIterator[WorkerPool]:
    """Workers of which at least one is ready."""
    async with workers(count, here(policy()), setup_of(policy, **limits)) as running_workers:
        await running_workers.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)
        await until(lambda: running_workers.ready_count == count)
        yield running_workers


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.01)


def a_chunk(seq: int, events: list[dict] = TYPED, **values: object) -> SentChunk:
    timed = [{**event, "timestamp": AT_MS + number} for number, event in enumerate(events)]
    return replace(SentChunk(seq, GZIP, deflate(json.dumps(timed).encode()), 0), **values)


def large_chunk() -> SentChunk:
    """A chunk with some tens of milliseconds of work."""
    words = [f"user{number}@example.org " * 5 for number in range(2_000)]
    return a_chunk(2, [{"type": 5, "data": {"tag": "words", "payload": words}}])


def huge_chunk() -> SentChunk:
    """A chunk with some seconds of work and tens of megabytes."""
    words = [f"user{number}@example.org" for number in range(100_000)]
    return a_chunk(2, [{"type": 5, "data": {"tag": "words", "payload": words}}])


def noisy_chunk() -> SentChunk:
    """A chunk with more bytes than a worker gets at the same time."""
    return a_chunk(1, [{"type": 9, "data": os.urandom(module.MAX_BYTES_AT_ONCE).hex()}])


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def children(processes: WorkerPool | None = None) -> list[psutil.Process]:
    """Returns the running workers of a pool; None: of all in this process."""
    running_ones = filter(is_running, psutil.Process().children())  # not those of an installation that other tests use
    found = [each for each in running_ones if "services.audit.ingest.workers.process" in each.cmdline()]
    own = {each.pid for each in processes._processes} if processes else {each.pid for each in found}
    return [each for each in found if each.pid in own]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_worker() -> AsyncIterator[WorkerPool]:
    """A pool for tests that end no worker: to start one takes more than a second of CPU."""
    async with pool(1) as processes:
        yield processes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_workers() -> AsyncIterator[WorkerPool]:
    async with pool(2) as processes:
        yield processes


def anew(processes: WorkerPool) -> WorkerPool:
    """Returns a pool without its memories of the addresses and chunks of other tests."""
    for memory in (processes._costs, processes._quick, processes._worker_of, processes._first):
        memory.clear()
    processes._slow_from = 0.0
    processes.slow = processes.dropped = 0
    return processes


shares = pytest.mark.asyncio(loop_scope="module")
"""A test on the loop of the shared pools."""


@pytest.mark.campaign
@shares
async def test_rows_and_refusals_are_those_that_are_made_here(two_workers):
    """Large recordings are shortened; with --campaign they are not."""
    processes = anew(two_workers)
    await asyncio.gather(*(_same_rows(processes, path) for path in recordings.paths()))
    await _same_refusals(processes)


async def _same_rows(processes: WorkerPool, path: Path) -> None:
    events = recordings.shortened(path)
    local, state_here, state_there = here(), WindowState(), WindowState()
    for begin in range(0, len(events), 200):
        sent = SentChunk(begin // 200 + 1, IDENTITY, json.dumps(events[begin : begin + 200]).encode(), 0)
        one = await local.process_chunk(HEAD, state_here, sent, BOUNDS)
        two = await processes.process_chunk(HEAD, state_there, sent, BOUNDS)
        assert two.row == one.row
        assert two.masked == one.masked
        assert isinstance(two.state, bytes), "it came from a worker"
        assert read_state(two.state) == one.state
        state_here, state_there = one.state, two.state


REFUSED = {
    "gzip": a_chunk(1, payload=b"no gzip"),
    "encoding": a_chunk(1, encoding=7),
    "count": a_chunk(1, event_count=9),
    "event": a_chunk(1, [{"type": "x"}]),
    "time": SentChunk(1, IDENTITY, b'[{"type":3,"timestamp":5}]', 0),
}


async def _same_refusals(processes: WorkerPool) -> None:
    bounds = Bounds(2**20, 2**20)
    for name, sent in REFUSED.items():
        with pytest.raises(BadPayload) as one:
            await here().process_chunk(HEAD, WindowState(), sent, bounds)
        with pytest.raises(BadPayload) as two:
            await processes.process_chunk(HEAD, WindowState(), sent, bounds)
        assert (two.value.fault, str(two.value)) == (one.value.fault, str(one.value)), name
        after = await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)
        assert after.row.seq == 1, f"the worker goes on after {name}"
    assert processes.deaths == 0


async def test_chunks_are_spread_and_none_is_lost_when_a_worker_is_killed():
    async with pool(2) as processes:
        expected = (await here().process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row
        chunks = [processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS) for _ in range(200)]
        chunks += [processes.process_chunk(HEAD, WindowState(), large_chunk(), BOUNDS) for _ in range(8)]
        taking = asyncio.gather(*chunks)
        await asyncio.sleep(0.05)
        victim = children(processes)[0]
        victim.send_signal(signal.SIGKILL)
        taken: list[ProcessedChunk] = await taking
        assert [one.row for one in taken[:200]] == [expected] * 200
        assert len(taken) == 208
        await until(lambda: processes.deaths == 1 and processes.ready_count == 2)
        assert victim.pid not in [each.pid for each in children(processes)]


async def test_a_chunk_with_which_workers_die_is_refused_and_the_others_are_taken_in(monkeypatch):
    monkeypatch.setattr(module, "RESTART_S", 0.05)
    chunk, halted, send = large_chunk(), [], module._Link.send

    def halting(link, data):
        """Halts a worker that gets the bad chunk before it."""
        if chunk.payload in data:
            link.process.send_signal(signal.SIGSTOP)
            halted.append(link.process)
        send(link, data)

    monkeypatch.setattr(module._Link, "send", halting)
    async with pool(1) as processes:
        bad = asyncio.create_task(processes.process_chunk(HEAD, WindowState(), chunk, BOUNDS))
        good = [
            asyncio.create_task(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)) for _ in range(20)
        ]
        for death in range(1, MAX_TRIES + 1):
            await until(lambda death=death: len(halted) == death)
            if death == MAX_TRIES:
                assert all(one.done() for one in good)  # each was tried alone, after the bad one
            assert not bad.done()
            halted[-1].kill()
            await until(lambda death=death: processes.deaths == death)
        with pytest.raises(BadPayload, match="died, 3 times in a row") as refused:
            await bad
        assert refused.value.fault is Fault.INVALID_PAYLOAD
        assert [one.row.seq for one in await asyncio.gather(*good)] == [1] * 20
        assert (await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row.seq == 1


async def test_a_chunk_that_takes_too_much_processor_time_is_rejected_at_once(monkeypatch):
    monkeypatch.setattr(module, "RESTART_S", 0.05)
    async with pool(1, chunk_cpu_s=0.5) as processes:
        bad = asyncio.create_task(processes.process_chunk(HEAD, WindowState(), huge_chunk(), BOUNDS))
        good = [
            asyncio.create_task(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)) for _ in range(20)
        ]
        with pytest.raises(BadPayload, match=r"more than chunk_cpu_s \(0.5\) seconds of processor time") as refused:
            await bad
        assert refused.value.fault is Fault.TOO_LARGE
        assert [one.row.seq for one in await asyncio.gather(*good)] == [1] * 20
        assert (processes.deaths, processes.overruns["cpu"]) == (1, 1), "no second worker was given to it"
        await until(lambda: processes.ready_count == 1)
        assert (await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row.seq == 1


async def test_while_no_worker_can_be_started_only_small_chunks_are_processed_here(monkeypatch):
    may_start = asyncio.Event()
    start = WorkerPool._start

    async def later(processes):
        if not may_start.is_set():
            raise OSError("no more processes")
        await start(processes)

    monkeypatch.setattr(WorkerPool, "_start", later)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    async with workers(1, here(), setup_of(lambda: POLICY)) as processes:
        small, large = a_chunk(1), a_chunk(1, [{"type": 9, "data": os.urandom(2 * module.MAX_BYTES_HERE).hex()}])
        repeated = a_chunk(
            1, [{"type": 9, "data": "a" * 2 * module.MAX_BYTES_HERE}]
        )  # a small payload, and a large JSON
        waiting = [
            asyncio.create_task(processes.process_chunk(HEAD, WindowState(), sent, BOUNDS))
            for sent in (large, repeated)
        ]
        assert (await processes.process_chunk(HEAD, WindowState(), small, BOUNDS)).row.seq == 1
        assert not any(task.done() for task in waiting)
        may_start.set()
        assert [(await task).row.seq for task in waiting] == [1, 1]
        assert isinstance((await processes.process_chunk(HEAD, WindowState(), small, BOUNDS)).state, bytes)


async def test_chunks_wait_for_the_start_of_a_worker():
    """This process does not load the compiled loops."""
    async with workers(1, NOBODY, setup_of(lambda: POLICY)) as processes:
        taken = await asyncio.gather(
            *(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS) for _ in range(20))
        )
        assert [one.row.seq for one in taken] == [1] * 20


async def test_workers_without_chunks_end_and_start_again_with_the_next_one():
    idle_s = 0.3
    async with workers(2, NOBODY, setup_of(lambda: POLICY), idle_s=idle_s) as processes:
        expected = None
        for _ in range(2):
            one = await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)
            expected = expected or one.row
            assert one.row == expected
            await until(lambda: processes.ready_count == 2)
            started = children(processes)
            assert len(started) == 2
            await until(lambda: not processes._links)
            assert processes.ready_count == 0
            # One that comes at once, while they end.
            assert (await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row == expected
            await until(lambda started=started: not any(map(is_running, started)))
        assert processes.deaths == 0


async def test_workers_that_were_started_for_nothing_end():
    async with workers(1, NOBODY, setup_of(lambda: POLICY), idle_s=0.3) as processes:
        processes.prepare()
        await until(lambda: processes.ready_count == 1)
        await until(lambda: not children(processes))
        assert processes.deaths == 0


async def test_a_worker_with_a_chunk_is_not_idle(monkeypatch):
    starts, start = [], WorkerPool._start

    async def counted(processes):
        starts.append(processes)
        await start(processes)

    monkeypatch.setattr(WorkerPool, "_start", counted)
    async with workers(1, NOBODY, setup_of(lambda: POLICY), idle_s=0.01) as processes:
        assert (await processes.process_chunk(HEAD, WindowState(), large_chunk(), BOUNDS)).row.seq == 1
        assert len(starts) == 1


async def test_only_the_chunk_in_process_is_rejected_when_a_worker_exceeds_its_time(monkeypatch):
    """The others were given to the same worker, before it and after it."""
    monkeypatch.setattr(module, "RESTART_S", 0.05)
    async with pool(1, chunk_cpu_s=0.5) as processes:
        chunks = [a_chunk(1), a_chunk(1), huge_chunk(), a_chunk(1), a_chunk(1)]
        taken = await asyncio.gather(
            *(processes.process_chunk(HEAD, WindowState(), chunk, BOUNDS) for chunk in chunks), return_exceptions=True
        )
        assert [isinstance(one, BadPayload) for one in taken] == [False, False, True, False, False]
        assert processes.deaths == 1


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not enforce the limit")
async def test_a_chunk_that_needs_too_much_memory_is_rejected_and_the_worker_goes_on():
    async with pool(1, memory_bytes=2**30) as processes:
        pid = children(processes)[0].pid
        _, most = psutil.Process(pid).rlimit(psutil.RLIMIT_DATA)
        used = psutil.Process(pid).memory_full_info().data
        psutil.Process(pid).rlimit(psutil.RLIMIT_DATA, (used + 2**24, most))
        with pytest.raises(BadPayload, match="worker_memory_bytes") as refused:
            await processes.process_chunk(HEAD, WindowState(), huge_chunk(), BOUNDS)
        assert refused.value.fault is Fault.TOO_LARGE
        assert (await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row.seq == 1
        assert (processes.overruns["memory"], processes.deaths) == (1, 0)
        assert [each.pid for each in children(processes)] == [pid]


@shares
async def test_chunks_of_streams_that_have_ended_are_dropped(monkeypatch, one_worker):
    sent, send = [], WorkerPool._send
    monkeypatch.setattr(WorkerPool, "_send", lambda *arguments: (sent.append(arguments[-1].sent), send(*arguments))[1])
    processes = anew(one_worker)
    [worker] = children(processes)
    worker.suspend()
    sent.clear()
    waiting = [asyncio.create_task(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)) for _ in range(20)]
    await until(lambda: processes.load() == 20)
    for each in waiting[:-1]:
        each.cancel()
    await asyncio.gather(*waiting[:-1], return_exceptions=True)
    assert (processes.load(), processes.dropped) == (module.MAX_AT_ONCE + 1, 19 - module.MAX_AT_ONCE)
    worker.resume()
    assert (await waiting[-1]).row.seq == 1
    assert len(sent) == module.MAX_AT_ONCE + 1
    assert processes.load() == 0


@shares
async def test_a_project_with_many_chunks_does_not_delay_the_others(one_worker):
    other = replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4()))
    processes = anew(one_worker)
    [worker] = children(processes)
    worker.suspend()
    order = []

    async def process(head, name):
        await processes.process_chunk(head, WindowState(), a_chunk(1), BOUNDS)
        order.append(name)

    many = [asyncio.create_task(process(HEAD, "many")) for _ in range(50)]
    await until(lambda: processes.load() == 50)
    few = asyncio.create_task(process(other, "few"))
    await until(lambda: processes.load() == 51)
    worker.resume()
    await asyncio.gather(*many, few)
    assert order.index("few") <= 2 * module.MAX_AT_ONCE


def slow_chunk() -> SentChunk:
    words = [f"user{number}@example.org" for number in range(6_000)]
    return a_chunk(2, [{"type": 5, "data": {"tag": "words", "payload": words}}])


@shares
async def test_nothing_waits_behind_the_slow_chunks_of_an_address(monkeypatch, two_workers):
    """They have one worker of two, with any number of streams and tokens; the other is for everyone else."""
    monkeypatch.setattr(module, "SLOW_S", 0.02)
    slow_ones = [Sender(f"s{number}", "198.51.100.1") for number in range(8)]
    other = Sender("visitor", "198.51.100.2")
    processes = anew(two_workers)

    async def process(sent, sender):
        head = replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4()))
        return await processes.process_chunk(head, WindowState(), sent, BOUNDS, sender)

    await process(slow_chunk(), slow_ones[0])  # nothing is known of an address before its first
    assert processes.slow == 1
    waiting = [asyncio.create_task(process(slow_chunk(), sender)) for sender in slow_ones]
    await until(lambda: any(link.slow for link in processes._links))
    await process(a_chunk(1), other)
    assert sum(one.done() for one in waiting) < len(waiting)
    for _ in range(20):
        running = [link for link in processes._links if link.slow]
        assert all(len(link.waiting) == 1 for link in running), "it is alone"
        assert len(running) <= 1
        await process(a_chunk(1), other)
    await asyncio.gather(*waiting)
    assert processes.load() == 0
    monkeypatch.setattr(module, "SLOW_HALF_LIFE_S", 1e-9)
    assert not processes._is_slow(slow_ones[0]), "it is forgotten with time"


@shares
async def test_while_others_wait_slow_chunks_pause(monkeypatch, one_worker):
    monkeypatch.setattr(module, "SLOW_S", 0.02)
    monkeypatch.setattr(module, "SLOW_PAUSE", 1e9)
    slow = Sender("s", "198.51.100.1")
    processes = anew(one_worker)
    await processes.process_chunk(HEAD, WindowState(), slow_chunk(), BOUNDS, slow)
    [worker] = children(processes)
    worker.suspend()
    order = []

    async def process(sent, sender, name):
        head = replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4()))
        await processes.process_chunk(head, WindowState(), sent, BOUNDS, sender)
        order.append(name)

    tasks = [asyncio.create_task(process(a_chunk(1), Sender(), "first"))]
    await until(lambda: processes.load() == 1)
    tasks += [asyncio.create_task(process(a_chunk(1), Sender(), "other")) for _ in range(20)]
    tasks.append(asyncio.create_task(process(slow_chunk(), slow, "slow")))
    await until(lambda: processes.load() == 22)
    worker.resume()
    await asyncio.gather(*tasks)
    # Those that had been given to the worker come first in any case.
    assert order.index("slow") >= 21 - module.MAX_AT_ONCE, "it waits until the queue of the others is empty"


@shares
async def test_a_rejected_chunk_has_its_processor_time(one_worker):
    processes = anew(one_worker)
    bad = replace(slow_chunk(), event_count=7)
    with pytest.raises(BadPayload) as refused:
        await processes.process_chunk(HEAD, WindowState(), bad, BOUNDS)
    assert refused.value.cpu_s > 0
    with pytest.raises(BadPayload) as refused:
        await here().process_chunk(HEAD, WindowState(), bad, BOUNDS)
    assert refused.value.cpu_s > 0


@shares
async def test_a_worker_with_a_large_chunk_gets_no_further_one(two_workers):
    processes = anew(two_workers)
    await until(lambda: processes.ready_count == 2)
    for worker in children(processes):
        worker.suspend()
    large = asyncio.create_task(processes.process_chunk(HEAD, WindowState(), noisy_chunk(), BOUNDS))
    await until(lambda: processes.load() == 0.5)
    small = [asyncio.create_task(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)) for _ in range(9)]
    await until(lambda: processes.load() == 5)
    assert sorted(len(link.waiting) for link in processes._links) == [1, module.MAX_AT_ONCE]
    for worker in children(processes):
        worker.resume()
    await asyncio.gather(large, *small)


@shares
async def test_a_window_stays_with_the_worker_that_has_its_page(two_workers):
    """Unless that one has many more chunks than the other: a page that is made again costs as much as several."""
    processes = anew(two_workers)
    await until(lambda: processes.ready_count == 2)
    heads = [replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4())) for _ in range(module.MAX_AHEAD + 3)]

    async def process(head):
        await processes.process_chunk(head, WindowState(), a_chunk(1), BOUNDS)

    home, other = processes._links
    for head in heads:
        processes._worker_of[head.key] = home
    for worker in children(processes):
        worker.suspend()
    tasks = [asyncio.create_task(process(head)) for head in heads[: module.MAX_AHEAD + 1]]
    await until(lambda: processes.load() == len(tasks) / 2)
    assert (len(home.waiting), len(other.waiting)) == (module.MAX_AHEAD + 1, 0)
    tasks += [asyncio.create_task(process(head)) for head in heads[module.MAX_AHEAD + 1 :]]
    await until(lambda: processes.load() == len(tasks) / 2)
    assert (len(home.waiting), len(other.waiting)) == (module.MAX_AHEAD + 2, 1)
    for worker in children(processes):
        worker.resume()
    await asyncio.gather(*tasks)


async def test_a_new_policy_holds_from_the_next_chunk_on():
    policy = KEEPS_ALL
    async with pool(2, lambda: policy) as processes:
        kept = await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)
        policy = POLICY
        processes.policies_changed()
        masked = await asyncio.gather(
            *(processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS) for _ in range(20))
        )
        assert (kept.masked, [one.masked for one in masked]) == ({}, [{("selector", "text"): 1}] * 20)


async def test_processes_end_with_the_block_and_ignore_signals_to_the_group():
    async with pool(2) as processes:
        started = children(processes)
        for each in started:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                each.send_signal(number)
        assert (await processes.process_chunk(HEAD, WindowState(), a_chunk(1), BOUNDS)).row.seq == 1
        assert [each.pid for each in children(processes)] == [each.pid for each in started]
        assert processes.deaths == 0
    assert len(started) == 2
    assert not any(map(is_running, started))


async def test_processes_that_are_being_replaced_when_the_block_ends_are_waited_for(monkeypatch):
    waited, victims, is_left = [], [], threading.Event()

    def end(process):
        if process.pid in victims:
            is_left.wait(PATIENCE_S)
            time.sleep(0.5)
        status = plain(process)
        waited.append(process.pid)
        return status

    plain = module._end
    monkeypatch.setattr(module, "_end", end)
    async with pool(2) as processes:
        started = {each.pid for each in children(processes)}
        victims.append(children(processes)[0].pid)
        children(processes)[0].kill()
        await until(lambda: processes.deaths == 1)
        is_left.set()
    assert set(waited) == started


async def test_processes_end_when_the_server_is_killed():
    script = (
        "import asyncio\nfrom audit.ingest.workers.test_pool import children, pool\n"
        "async def main():\n async with pool(2):\n"
        "  print(*(each.pid for each in children()), flush=True)\n  await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    path = os.pathsep.join(filter(None, sys.path))
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env={**os.environ, "PYTHONPATH": path}, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    started = [psutil.Process(int(pid)) for pid in (await server.stdout.readline()).split()]
    server.kill()
    await server.wait()
    assert len(started) == 2
    await until(lambda: not any(map(is_running, started)))


def test_a_worker_loads_no_more_than_it_needs():
    script = "import sys, services.audit.ingest.workers.process; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    assert not {"aiohttp", "grpc", "pydantic", "redis", "rich"} & set(found)
    assert {"numpy", "structlog"} <= set(found)


def test_one_worker_a_core_up_to_four_and_none_on_a_single_core(monkeypatch):
    counts = []
    for cores in (1, 2, 3, 16):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        counts.append(default_count())
    assert counts == [0, 2, 3, 4]


async def test_a_server_with_workers_stores_what_one_without_stores(tmp_path):
    from support.audit_server import (  # slow: the process of a test imports this module
        audit_settings,
        new_session,
        running,
        story,
    )

    session, window, stored, before = new_session(), str(uuid.uuid4()), [], set(children())
    chunks = story(session, 30)
    for count in (0, 2):
        async with running(audit_settings(tmp_path / str(count), ingest={"workers": count})) as audit:
            await audit.record(session, chunks, window)
            details = await audit.session(session)
            stored.append(((await audit.replay(session)).events, details.session.totals, details.markers))
            if count:
                await until(lambda: set(children()) - before)
            else:
                assert set(children()) == before
    assert stored[0] == stored[1]
    assert stored[0][0] == [event for events in chunks for event in events]


@shares
async def test_an_unknown_address_cannot_occupy_all_workers_and_nothing_stays_behind_its_slow_chunk(
    monkeypatch, two_workers
):
    monkeypatch.setattr(module, "SLOW_S", 0.02)
    monkeypatch.setattr(module, "WATCH_S", 0.005)
    processes = anew(two_workers)
    processes._costs.clear()  # those of the first chunk, which compiles

    async def process(sent, sender):
        head = replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4()))
        return await processes.process_chunk(head, WindowState(), sent, BOUNDS, sender)

    hostile = [asyncio.create_task(process(slow_chunk(), Sender(f"s{number}", "198.51.100.1"))) for number in range(4)]
    others = [asyncio.create_task(process(a_chunk(1), Sender("v", f"203.0.113.{number}"))) for number in range(30)]
    while not all(one.done() for one in others):
        with_one = [link for link in processes._links if any(_is_hostile(job) for job in link.waiting.values())]
        assert len(with_one) <= 1
        assert sum(_is_hostile(job) for link in with_one for job in link.waiting.values()) <= 1
        await asyncio.sleep(0.001)
    assert [one.result().row.seq for one in others] == [1] * 30
    assert [one.row.seq for one in await asyncio.gather(*hostile)] == [1] * 4
    assert (processes.load(), processes._first) == (0, set())


def _is_hostile(job):
    return job.sender.address == "198.51.100.1"


@shares
async def test_chunks_behind_one_that_turns_out_to_be_slow_are_recalled(monkeypatch, one_worker):
    monkeypatch.setattr(module, "SLOW_S", 0.02)
    monkeypatch.setattr(module, "WATCH_S", 0.005)
    processes = anew(one_worker)
    processes._costs.clear()
    [worker] = children(processes)
    worker.suspend()
    order = []

    async def process(sent, sender, name):
        head = replace(HEAD, key=replace(HEAD.key, window=uuid.uuid4()))
        await processes.process_chunk(head, WindowState(), sent, BOUNDS, sender)
        order.append(name)

    tasks = [asyncio.create_task(process(slow_chunk(), Sender("s", "198.51.100.1"), "slow"))]
    await until(lambda: processes.load() == 1)
    tasks += [asyncio.create_task(process(a_chunk(1), Sender("v", f"203.0.113.{n}"), "other")) for n in range(3)]
    await until(lambda: processes.load() == 4)
    [link] = processes._links
    assert len(link.waiting) == 4
    worker.resume()
    await until(lambda: link.slow is not None or len(order) == 4)
    if link.slow is not None:
        assert len(link.waiting) == 1, "the others wait in the queue, for any worker"
    await asyncio.gather(*tasks)
    assert sorted(order) == ["other"] * 3 + ["slow"]
