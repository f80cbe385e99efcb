"""Pool of worker processes for chunks: masking and detection are not bound to one interpreter.

The workers start with the first recording, and end after `ingest.worker_idle_s` without chunks.

Chunks wait in a queue in which projects, addresses, subjects and windows take turns; each goes, together with its
window's state, to the worker that had the window's last chunk and has its page, unless that one has MAX_AHEAD more
chunks than the least busy one; it is returned as a row. Chunks of streams that have ended meanwhile are dropped. Small
chunks are processed in this process only while no worker can be started: it loads the compiled loops then.

Chunks of an address that has lately sent slow ones wait in a second queue. Nothing waits behind them: each has a worker
for itself, one address has at most half of the workers, and all of them together leave a worker to the others. When a
chunk turns out to be slow, those that were given to its worker after it are recalled. Of an address of which nothing is
known, the first chunk is answered before the next one begins: it cannot occupy all workers at once.

A worker that dies is replaced and its chunks are given to others; a chunk that repeatedly kills workers is refused, at
once if it took too much processor time: one bad chunk cannot stop the rest.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import structlog

from services.audit.ingest.page_mirrors import NO_HISTORY, HistoryNeeded, PageHistory
from services.audit.ingest.process_chunk import Folded, InlineProcessor, ProcessedChunk, SentChunk
from services.audit.ingest.sender import Sender
from services.audit.ingest.workers.protocol import (
    FrameKind,
    Frames,
    Progress,
    WorkerAnswer,
    WorkerJob,
    WorkerSetup,
    decode_answer,
    encode,
    frame,
)
from services.audit.ingest.workers.turns import Turns
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds, Fault
from services.audit.window_state import dump_state

_log = structlog.get_logger("afterimage.workers")

MOST_BY_DEFAULT = 4
"""Maximum default number of workers: they process as many chunks as the process with the streams can carry."""

MAX_AT_ONCE = 4
"""Maximum number of chunks that a worker has at the same time: the next one is there when it has answered."""

MAX_BYTES_AT_ONCE = 128 * 1024
"""A worker with more bytes of payload gets no further chunk: it would wait behind a large one while another worker
becomes free."""

MAX_BYTES_HERE = 256 * 1024
"""Maximum payload and JSON of a chunk that is processed in this process while no worker can be started, in bytes:
about ten milliseconds of an ordinary chunk."""

MAX_AHEAD = 16
"""A window's chunk goes to the worker that has its page unless this one has more chunks than another by this number: to
make the page again takes as long as several chunks."""

MAX_TRIES = 3
RESTART_S = 1.0
"""Pause before a worker that died within this time of its start is replaced."""

SLOW_S = 0.25
"""Processor time from which a chunk is slow. Chunks of the real recordings take up to 0.05 s, the slowest that the
limits of a chunk allow some 3 s."""

WATCH_S = 0.05
"""Interval at which the running chunks are looked at."""

SLOW_HALF_LIFE_S = 30.0
"""Time in which the cost that is expected of an address, its slowest chunk's, is halved."""

SLOW_PAUSE = 3.0
"""While other chunks wait, a slow one is followed by a pause of this many times its time: slow ones get a quarter of a
worker then."""

MAX_ADDRESSES = 10_000
"""Maximum number of addresses with remembered costs, and of those that are known as quick; and of windows with a
remembered worker."""

RETRY_S = 5.0
"""Pause before a failed start is retried."""

_UNKNOWN = Sender()
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
STOP_S = 5.0
"""Maximum time that a worker may take to end before it is killed."""


def default_count() -> int:
    """Returns the default number of workers: one per core up to MOST_BY_DEFAULT, 0 on a single core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_BY_DEFAULT) if cores > 1 else 0


def _command(*files: int) -> list[str]:
    """Returns the command of a worker that inherits the file descriptors of its socket and its progress."""
    return [sys.executable, "-m", "services.audit.ingest.workers.process", *map(str, files)]


class _Died(Exception):  # noqa: N818 - names the state of a worker
    """The worker died before it answered."""

    def __init__(self, link: _Link, number: int) -> None:
        super().__init__(number)
        self.link = link
        self.number = number


class _NoWorker(Exception):  # noqa: N818 - names a state of the pool
    """There is no worker, and none can be started now."""


@dataclass(slots=True, eq=False)
class _Job:
    """A chunk that waits for a worker."""

    head: WindowHead
    state: Folded
    sent: SentChunk
    bounds: Bounds
    sender: Sender
    answer: asyncio.Future[WorkerAnswer]
    history: PageHistory | None = NO_HISTORY
    is_sent: bool = False
    """Whether a worker got it."""
    is_suspect: bool = False
    """Whether a worker has died with it."""

    @property
    def place(self) -> tuple[str, Hashable]:
        """The project and the window, which take turns."""
        return self.head.key.project, (self.head.key.session, self.head.key.window)


class _Link(asyncio.Protocol):
    """This process's connection to a worker."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = time.monotonic()
        self.ready = False
        self.was_ready = False
        """Whether it has ever been ready."""
        self.waiting: dict[int, _Job] = {}
        self.waiting_bytes = 0
        self.slow: _Job | None = None
        """The slow chunk that it has, alone."""
        self.running = (0, 0.0)
        """Number of the job that it was last seen with, and the time of the first such look."""
        self.progress: Progress | None = None
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The process's exit status."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for kind, body in self._frames.feed(data):
            if kind == FrameKind.READY:
                self.ready = self.was_ready = True
                self._pool.can_start = True
                continue
            answer = decode_answer(body)
            job = self.waiting.pop(answer.number, None)
            if job is None:  # it was recalled
                continue
            self.waiting_bytes -= len(job.sent.payload)
            if job is self.slow:
                self.slow = None
            if answer.is_recalled:
                self._pool.put(job)
                continue
            self._pool.cost(job.sender, answer.cpu_s)
            if not job.answer.done():
                job.answer.set_result(answer)
        self._pool.dispatch()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it came
        self.ready = False
        self.slow = None
        waiting, self.waiting = self.waiting, {}
        for number, job in waiting.items():
            self._pool.forget_first(job.sender)
            if not job.answer.done():
                job.answer.set_exception(_Died(self, number))
        self._pool.lost(self)

    def send(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - it is made before the link is shared
        self._transport.write(data)

    def has_room(self) -> bool:
        """Returns whether the worker should get a further chunk now."""
        is_free = self.slow is None and len(self.waiting) < MAX_AT_ONCE and self.waiting_bytes <= MAX_BYTES_AT_ONCE
        return self.ready and is_free

    def takes(self, least: _Link, *, is_slow: bool) -> bool:
        """Returns whether the worker, which has the page of a chunk's window, should get the chunk.

        Args:
            least: The worker that has the fewest chunks.
            is_slow: Whether the chunk is expected to be slow; it has a worker for itself then.
        """
        if is_slow or not self.ready or self.slow is not None:
            return self.ready and not self.waiting
        return self.waiting_bytes <= MAX_BYTES_AT_ONCE and len(self.waiting) <= len(least.waiting) + MAX_AHEAD

    def look(self, now: float) -> list[_Job]:
        """Returns the jobs that wait behind one that has turned out to be slow, and recalls them."""
        assert self.progress is not None  # noqa: S101 - it is made with the process
        number = self.progress.begun()
        if number != self.running[0]:
            self.running = number, now
        if self.slow is not None or number not in self.waiting or now - self.running[1] < SLOW_S:
            return []
        if any(job.is_suspect for job in self.waiting.values()):  # it must be seen to die with the worker, or not
            return []
        self.progress.recall(max(self.waiting))
        number = self.progress.begun()  # the next one may have begun meanwhile
        if number not in self.waiting:
            return []
        self.slow = self.waiting[number]
        recalled = [job for each, job in self.waiting.items() if each != number]
        self.waiting = {number: self.slow}
        self.waiting_bytes = len(self.slow.sent.payload)
        return recalled

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class WorkerPool:
    """Processes chunks in worker processes. Made by `workers`.

    Attributes:
        deaths: Number of workers that died since the start.
        overruns: Number of chunks rejected because they exceeded a limit of their worker: "cpu" or "memory".
        slow: Number of chunks that took SLOW_S or more.
        dropped: Number of chunks that were not processed because their streams had ended.
        can_start: Whether the last worker that was started became ready, as far as is known.
    """

    def __init__(
        self, count: int, here: InlineProcessor, setup: Callable[[], WorkerSetup], idle_s: float = 0.0
    ) -> None:
        self._count = count
        self._idle_s = idle_s
        self._open_count = 0
        """Number of chunks in process or waiting."""
        self._used_s = 0.0
        """Time at which the last chunk left."""
        self.can_start = True
        self._here = here
        self._setup = setup
        self._links: list[_Link] = []
        self._processes: set[subprocess.Popen[bytes]] = set()
        """Processes that have been started and not been waited for."""
        self._is_started = self._is_closing = False
        self._last_number = 0
        self._queue: Turns[_Job] = Turns()
        self._slow_queue: Turns[_Job] = Turns()
        self._costs: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Time in seconds of an address's slowest chunk, and when it was, by address (or subject)."""
        self._quick: OrderedDict[str, None] = OrderedDict()
        """Addresses with an answered chunk that was quick."""
        self._worker_of: OrderedDict[WindowKey, _Link] = OrderedDict()
        """The worker that had the window's last chunk."""
        self._first: set[str] = set()
        """Addresses with their first chunk in a worker."""
        self._slow_from = 0.0
        """Time before which no slow chunk begins while others wait."""
        self._suspects = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        """Tasks that start workers."""
        self.deaths = 0
        self.overruns: Counter[str] = Counter(cpu=0, memory=0)
        self.slow = self.dropped = 0
        self._is_watching = False

    @property
    def ready_count(self) -> int:
        """Number of workers that are ready to process chunks."""
        return sum(link.ready for link in self._links)

    def prepare(self) -> None:
        """Starts the workers, unless they run: a server that records nothing needs none.

        A recorder gathers its first chunk for two seconds, which is the time that they take.
        """
        self._used_s = time.monotonic()
        if self._is_started:
            return
        self._is_started = True
        for _ in range(self._count):
            self._in_background(self._start_one())
        if self._idle_s:
            self._in_background(self._end_when_idle())

    async def process_chunk(
        self,
        head: WindowHead,
        state: Folded,
        sent: SentChunk,
        bounds: Bounds,
        sender: Sender = _UNKNOWN,
        history: PageHistory | None = NO_HISTORY,
    ) -> ProcessedChunk:
        """Returns a chunk as stored; see `process_chunk.process_chunk`. Its state is in stored form.

        Raises:
            BadPayload: If the chunk cannot be stored.
            HistoryNeeded: The worker does not have the window's page, and `history` was not given.
            RuntimeError: If a worker failed; its log has the reason.
        """
        self.prepare()
        self._open_count += 1
        try:
            while True:
                if not self.can_start and (
                    processed := await self._try_here(head, state, sent, bounds, sender, history)
                ):
                    return processed
                with suppress(_NoWorker):
                    return await self._in_worker(head, state, sent, bounds, sender, history)
        finally:
            self._open_count -= 1
            self._used_s = time.monotonic()

    async def _try_here(
        self,
        head: WindowHead,
        state: Folded,
        sent: SentChunk,
        bounds: Bounds,
        sender: Sender,
        history: PageHistory | None,
    ) -> ProcessedChunk | None:
        """Returns a chunk that was processed in this process while there is no worker.

        None: it has to wait for one, since large chunks, and those that are known to be slow, would stop this process.
        """
        if self._least_busy() is not None or self._is_slow(sender) or len(sent.payload) > MAX_BYTES_HERE:
            return None
        small = replace(bounds, max_inflated_bytes=min(bounds.max_inflated_bytes, MAX_BYTES_HERE))
        try:
            return await self._here.process_chunk(head, state, sent, small, sender, history)
        except BadPayload as bad:
            if bad.fault is not Fault.TOO_LARGE:
                raise
        return None

    async def _in_worker(
        self,
        head: WindowHead,
        state: Folded,
        sent: SentChunk,
        bounds: Bounds,
        sender: Sender,
        history: PageHistory | None,
    ) -> ProcessedChunk:
        """Returns a chunk that was processed in a worker.

        Raises:
            _NoWorker: None could be started while it waited.
        """
        job = _job(head, state, sent, bounds, sender, history)
        try:
            return self._taken(await self._wait(job))
        except _Died as died:
            await self._check_time(died, job)
        for _ in range(MAX_TRIES - 1):
            # Suspect chunks are retried one at a time, which identifies the one that kills workers.
            async with self._suspects:
                link = self._least_busy()
                while link is None:
                    await asyncio.sleep(RESTART_S / 10)
                    link = self._least_busy()
                job = _job(head, state, sent, bounds, sender, NO_HISTORY, is_suspect=True)
                try:
                    return self._taken(await self._ask(link, job))
                except _Died as died:
                    await self._check_time(died, job)
        _log.error("a chunk was refused: workers die with it", session=str(head.key.session), seq=sent.seq)
        raise BadPayload(
            Fault.INVALID_PAYLOAD, f"payload: the worker that processed it died, {MAX_TRIES} times in a row"
        )

    def policies_changed(self) -> None:
        """Sends the workers a new setup; it applies to all later chunks."""
        self._here.policies_changed()
        setup = frame(FrameKind.SETUP, pickle.dumps(self._setup()))
        for link in self._links:
            link.send(setup)

    def load(self) -> float:
        """Returns the average number of chunks per worker, including the one in process and those in the queue."""
        waiting = len(self._queue) + len(self._slow_queue)
        return (waiting + sum(len(link.waiting) for link in self._links)) / self._count

    def put(self, job: _Job) -> None:
        """Adds a chunk to the queue of its sender's kind, unless its stream has ended."""
        if job.is_sent:  # it was recalled
            self._first.discard(job.sender.address)
        if job.answer.done():
            self.dropped += 1
            return
        queue = self._slow_queue if self._is_slow(job.sender) else self._queue
        queue.put(*job.place, job, job.sender)

    def dispatch(self) -> None:
        """Gives chunks to the workers that have room for more."""
        while links := [link for link in self._links if link.has_room()]:
            link = min(links, key=lambda link: len(link.waiting))
            # Again afterwards: a chunk that was taken for a quick one may have joined the slow ones.
            slow = self._next_slow()
            job = slow or self._next_quick() or (slow := self._next_slow())
            if job is None:
                return
            last = self._worker_of.get(job.head.key)
            if last is not None and last.takes(link, is_slow=slow is not None):
                link = last
            link.slow = slow
            self._send(link, job)
            if not self._is_watching:
                self._is_watching = True
                self._in_background(self._watch())

    def cost(self, sender: Sender, cpu_s: float) -> None:
        """Notes the processor time of a chunk."""
        self._first.discard(sender.address)
        if cpu_s < SLOW_S:
            _remember(self._quick, sender.address, None)
            return
        self.slow += 1
        now = time.monotonic()
        self._slow_from = now + SLOW_PAUSE * cpu_s
        who = _who(sender)
        _remember(self._costs, who, (max(cpu_s, self._expected_s(who, now)), now))

    def forget_first(self, sender: Sender) -> None:
        """Notes that the worker with a sender's first chunk has died: the next one is its first."""
        self._first.discard(sender.address)

    def _expected_s(self, who: str, now: float) -> float:
        cost_s, at = self._costs.get(who, (0.0, now))
        return float(cost_s * 0.5 ** ((now - at) / SLOW_HALF_LIFE_S))

    def _is_slow(self, sender: Sender) -> bool:
        """Returns whether the sender's next chunk is expected to be slow."""
        who = _who(sender)
        if any(link.slow is not None and _who(link.slow.sender) == who for link in self._links):
            return True
        return who in self._costs and self._expected_s(who, time.monotonic()) >= SLOW_S

    def _next_quick(self) -> _Job | None:
        """Takes the next chunk that is not expected to be slow; None: no such chunk."""
        while (job := self._queue.take(self._first)) is not None:
            if not self._is_slow(job.sender):
                return job
            self._slow_queue.put(*job.place, job, job.sender)  # its sender has been slow meanwhile
        return None

    async def _watch(self) -> None:
        """Looks at the running chunks for as long as there are some."""
        while any(link.waiting for link in self._links):
            await asyncio.sleep(WATCH_S)
            for link in list(self._links):
                for job in link.look(time.monotonic()):
                    self.put(job)
            self.dispatch()
        self._is_watching = False

    def _next_slow(self) -> _Job | None:
        """Takes the slow chunk that may begin now; None: no such chunk."""
        if not len(self._slow_queue) or (len(self._queue) and time.monotonic() < self._slow_from):
            return None
        running = Counter(link.slow.sender.address for link in self._links if link.slow is not None)
        if running.total() >= max(1, self._count - 1):
            return None
        most = max(1, self._count // 2)
        return self._slow_queue.take({address for address, number in running.items() if number >= most})

    def lost(self, link: _Link) -> None:
        """Replaces a worker that is gone."""
        if link not in self._links:
            return
        self._links.remove(link)
        for key in [key for key, worker in self._worker_of.items() if worker is link]:
            del self._worker_of[key]
        if self._is_closing:
            link.status.set_result(0)
            return
        self.deaths += 1
        if not link.was_ready:
            self._cannot_start()
        self._in_background(self._replace(link))

    def _cannot_start(self) -> None:
        """Notes that a worker could not be started, and gives waiting chunks back if there is no other."""
        self.can_start = False
        if self._least_busy() is not None:
            return
        for queue in (self._queue, self._slow_queue):
            while (job := queue.take()) is not None:
                if not job.answer.done():
                    job.answer.set_exception(_NoWorker)

    async def _end_when_idle(self) -> None:
        """Ends the workers when there have been no chunks for some time; the next chunk starts them again."""
        while True:
            left_s = self._used_s + self._idle_s - time.monotonic()
            if not self._open_count and left_s <= 0 and self._are_free():
                break
            await asyncio.sleep(max(left_s, min(self._idle_s, 1.0)))
        # All at once: no chunk is given to them any more.
        links, self._links = self._links, []
        self._worker_of.clear()
        self._is_started = False
        for link in links:
            link.close()
        _log.info("workers ended", count=len(links), idle_s=self._idle_s)
        await asyncio.gather(*(self._ended(link.process) for link in links if link.process is not None))

    def _are_free(self) -> bool:
        """Returns whether all workers are ready, and have no chunks."""
        return len(self._links) == self._count and all(link.ready and not link.waiting for link in self._links)

    async def close(self) -> None:
        """Ends the processes."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._links):
            link.close()
        # Also those without a link: being replaced, or started when this began.
        await asyncio.gather(*map(self._ended, list(self._processes)))

    async def _replace(self, link: _Link) -> None:
        ran_s = time.monotonic() - link.started_s
        status = await self._ended(link.process) if link.process else 0
        link.status.set_result(status)
        _log.error("a worker died and is replaced", status=status, ran_s=round(ran_s, 1))
        if ran_s < RESTART_S:
            await asyncio.sleep(RESTART_S)
        await self._start_one()

    async def _ended(self, process: subprocess.Popen[bytes]) -> int:
        status = await asyncio.to_thread(_end, process)
        self._processes.discard(process)
        return status

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_one(self) -> None:
        while True:
            try:
                return await self._start()
            except OSError as error:  # no memory, no more processes or files
                _log.error("a worker cannot be started, will be tried again", error=str(error))
                self._cannot_start()
                await asyncio.sleep(RETRY_S)

    async def _start(self) -> None:
        link = _Link(self)
        ours, theirs = socket.socketpair()
        try:
            with theirs, tempfile.TemporaryFile() as shared:
                shared.truncate(Progress.SIZE_BYTES)
                link.progress = Progress(shared.fileno())
                files = theirs.fileno(), shared.fileno()
                link.process = subprocess.Popen(_command(*files), pass_fds=files)  # noqa: ASYNC220, S603 - a fork
            self._processes.add(link.process)
            await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        except BaseException:
            ours.close()  # which also ends the worker
            raise
        self._links.append(link)
        link.send(frame(FrameKind.SETUP, pickle.dumps(self._setup())))

    def _least_busy(self) -> _Link | None:
        ready = [link for link in self._links if link.ready]
        return min(ready, key=lambda link: len(link.waiting)) if ready else None

    async def _wait(self, job: _Job) -> WorkerAnswer:
        """Returns the answer of the worker that gets the chunk when its turn has come."""
        self.put(job)
        self.dispatch()
        try:
            return await job.answer
        except asyncio.CancelledError:
            for queue in (self._queue, self._slow_queue):
                self.dropped += queue.discard(*job.place, job, job.sender)
            raise

    async def _ask(self, link: _Link, job: _Job) -> WorkerAnswer:
        self._send(link, job)
        return await job.answer

    def _send(self, link: _Link, job: _Job) -> None:
        self._last_number = number = self._last_number + 1
        head, state = job.head, job.state if isinstance(job.state, bytes) else dump_state(job.state)
        job.is_sent = True
        if (address := job.sender.address) and address not in self._quick and address not in self._costs:
            self._first.add(address)
        link.waiting[number] = job
        link.waiting_bytes += len(job.sent.payload)
        _remember(self._worker_of, head.key, link)
        asked = WorkerJob(
            number,
            head.key,
            head.kept_from,
            head.device_type,
            head.actor_type,
            state,
            job.sent,
            job.bounds,
            job.history,
        )
        link.send(frame(FrameKind.JOB, encode(asked)))

    async def _check_time(self, died: _Died, job: _Job) -> None:
        """Rejects a chunk with which a worker exceeded its processor time.

        Raises:
            BadPayload: If it was this chunk.
        """
        status = await asyncio.shield(died.link.status)
        if status != -signal.SIGPROF or died.link.progress is None or died.link.progress.begun() != died.number:
            return
        self.overruns["cpu"] += 1
        limit_s = self._setup().chunk_cpu_s
        self.cost(job.sender, limit_s)
        _log.error("a chunk was refused: it takes too long", session=str(job.head.key.session), seq=job.sent.seq)
        raise BadPayload(
            Fault.TOO_LARGE,
            f"payload: takes more than chunk_cpu_s ({limit_s:g}) seconds of processor time; send smaller chunks",
            cpu_s=limit_s,
        )

    def _taken(self, answer: WorkerAnswer) -> ProcessedChunk:
        if answer.is_over_memory:
            self.overruns["memory"] += 1
        return _taken(answer)


def _job(
    head: WindowHead,
    state: Folded,
    sent: SentChunk,
    bounds: Bounds,
    sender: Sender,
    history: PageHistory | None,
    *,
    is_suspect: bool = False,
) -> _Job:
    answer = asyncio.get_running_loop().create_future()
    return _Job(head, state, sent, bounds, sender, answer, history, is_suspect=is_suspect)


def _remember(entries: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > MAX_ADDRESSES:
        entries.popitem(last=False)


def _who(sender: Sender) -> str:
    """Returns the key of remembered costs: an attacker gets any number of subjects, not of addresses."""
    return sender.address or f"subject {sender.subject}"


def _taken(answer: WorkerAnswer) -> ProcessedChunk:
    if answer.fault is not None:
        raise BadPayload(answer.fault, answer.message, answer.cpu_s)
    if answer.history_after is not None:
        raise HistoryNeeded(answer.history_after)
    if answer.row is None:
        raise RuntimeError("a worker could not process a chunk")
    masked = {(rule, field): count for rule, field, count in answer.masked}
    return ProcessedChunk(answer.row.state, answer.row, masked, answer.repeated, answer.set_back, answer.unnamed)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Waits until a process has ended, killing it after STOP_S; returns its exit status."""
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@asynccontextmanager
async def workers(
    count: int, here: InlineProcessor, setup: Callable[[], WorkerSetup], *, idle_s: float = 0.0
) -> AsyncIterator[WorkerPool]:
    """Provides a pool of workers while the block runs.

    Args:
        count: Number of workers.
        here: Processes small chunks while no worker can be started.
        setup: Returns the workers' current configuration.
        idle_s: Seconds without chunks after which the workers end, until the next chunk. 0: they stay.
    """
    pool = WorkerPool(count, here, setup, idle_s)
    try:
        yield pool
    finally:
        await pool.close()
