"""`python -m services.audit.ingest.workers.process FD`: a process that takes chunks in for the one that speaks gRPC.

It keeps nothing between chunks but compiled policies: each chunk comes with its window's state, and goes back as the
row that is stored. So any worker can take any chunk, and one that dies takes nothing along.

Both talk over a socket that only they have: frames of a length, a kind and a body. The body of a job and of an answer
is MessagePack; that of a setup, a few times in a process's life, is a pickle.
"""

from __future__ import annotations

import pickle
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Any

import msgspec
import structlog

from services.audit.behaviour.definitions import BehaviourRules, behaviour_rules
from services.audit.ingest.fold import read_state
from services.audit.ingest.process_chunk import SentChunk, take_in
from services.audit.model import ChunkRow, WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds, Fault
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.policy import Policy
from services.runtime import log
from services.runtime.settings import LogSettings, PageSettings

_log = structlog.get_logger("afterimage.worker")

READ_BYTES = 1024 * 1024
ANSWERS_AT_ONCE = 8
"""Answers that wait for each other, so that they go out in one write."""


class FrameKind(IntEnum):
    """What a frame holds."""

    SETUP = 1
    JOB = 2
    ANSWER = 3
    READY = 4
    """The worker has its setup; no body."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker goes by until it gets the next one.

    Attributes:
        policies: By project: the policy, and the key of its hashes.
        pages: How URLs become pages, for the detectors; None: no interactions are looked for.
        log: Where the worker's own log goes.
        recursion_limit: Frames of Python and levels of JSON.
    """

    policies: dict[str, tuple[Policy, bytes]] = field(repr=False)
    pages: PageSettings | None
    log: LogSettings
    recursion_limit: int


class Job(msgspec.Struct, array_like=True, gc=False):
    """A chunk to be taken in: the arguments of `take_in`, of the window's head what a row carries."""

    number: int
    key: WindowKey
    kept_from: date
    device_type: int
    actor_type: int
    state: bytes
    sent: SentChunk
    bounds: Bounds


class Answer(msgspec.Struct, array_like=True, gc=False):
    """What became of a job: a row; or a fault and a sentence for the sender; or neither: the worker failed."""

    number: int
    row: ChunkRow | None = None
    masked: list[tuple[str, str, int]] = []
    """(rule, class of field, how often)."""
    fault: Fault | None = None
    message: str = ""


_header = struct.Struct("<IB")
_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
encode: Callable[[Job | Answer], bytes] = _encoder.encode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode


def frame(kind: FrameKind, body: bytes = b"") -> bytes:
    """Returns what is sent."""
    return _header.pack(len(body), kind) + body


class Frames:
    """Cuts what is received into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yields kind and body of each frame that is complete."""
        data = self._rest + data if self._rest else data
        at, size = 0, _header.size
        while len(data) - at >= size:
            length, kind = _header.unpack_from(data, at)
            end = at + size + length
            if end > len(data):
                break
            yield kind, data[at + size : end]
            at = end
        self._rest = data[at:]


class Worker:
    """Answers the frames that come over a socket, until it is closed."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._setup: Setup | None = None
        self._maskers: dict[str, Masker] = {}
        self._behaviour: BehaviourRules | None = None

    def run(self) -> None:
        """Works until the other side is gone."""
        frames = Frames()
        while data := self._link.recv(READ_BYTES):
            answers: list[bytes] = []
            for kind, body in frames.feed(data):
                answers.append(self._answer(kind, body))
                if len(answers) >= ANSWERS_AT_ONCE:
                    self._link.sendall(b"".join(answers))
                    answers.clear()
            if answers:
                self._link.sendall(b"".join(answers))

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == FrameKind.SETUP:
            self._set_up(pickle.loads(body))  # noqa: S301 - from the process that started this one
            return frame(FrameKind.READY)
        job = decode_job(body)
        try:
            answer = self._take_in(job)
        except BadPayload as bad:
            answer = Answer(job.number, fault=bad.fault, message=str(bad))
        except Exception:  # noqa: BLE001 - a defect met by one chunk must not take the others along
            _log.exception("a chunk could not be taken in", session=str(job.key.session), seq=job.sent.seq)
            answer = Answer(job.number)
        return frame(FrameKind.ANSWER, encode(answer))

    def _set_up(self, setup: Setup) -> None:
        sys.setrecursionlimit(setup.recursion_limit)
        log.configure(setup.log)
        self._setup = setup
        # All at once, and before it says that it is ready: the first one takes half a second, which no chunk waits for.
        self._maskers = {project: Masker(*policy) for project, policy in setup.policies.items()}
        self._behaviour = None if setup.pages is None else behaviour_rules(setup.pages)

    def _take_in(self, job: Job) -> Answer:
        assert self._setup is not None  # noqa: S101 - it is the first frame
        masker = self._maskers[job.key.project]
        head = WindowHead(job.key, job.kept_from, device_type=job.device_type, actor_type=job.actor_type)
        taken = take_in(head, read_state(job.state), job.sent, job.bounds, masker, self._behaviour)
        return Answer(job.number, taken.row, [(*where, count) for where, count in taken.masked.items()])


def main(arguments: list[str]) -> int:
    """Runs a worker on the inherited socket whose number is the argument."""
    # A terminal and a service manager signal all processes; only the one that has the streams knows when to stop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(arguments[0])) as link:
        try:
            Worker(link).run()
        except ConnectionError:
            return 1  # the other side died
    return 0


def command(link: socket.socket) -> list[Any]:
    """Returns the command that runs a worker which inherits the socket."""
    return [sys.executable, "-m", "services.audit.ingest.workers.process", str(link.fileno())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
