"""The protocol between the pool and its workers: frames of a length, a kind and a body, over a socket.

Bodies of jobs and answers are MessagePack; the body of a setup, sent a few times in a process's life, is a pickle.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

import msgspec

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.ingest.page_mirrors import PageHistory, PagePlace
from services.audit.ingest.process_chunk import SentChunk
from services.audit.model import ChunkRow, WindowKey
from services.audit.payload import Bounds, Fault
from services.audit.privacy.policy.policy import Policy
from services.runtime.log import LogOptions


class FrameKind(IntEnum):
    """Content of a frame."""

    SETUP = 1
    JOB = 2
    ANSWER = 3
    READY = 4
    """The worker has its setup; no body."""


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """A worker's configuration until it gets the next one.

    Values of the settings only, not their classes: a worker that imported pydantic would start 0.3 s later.

    Attributes:
        policies: The policy and the key of its hashes, by project.
        behaviour: Rules of the detectors; None disables interaction detection.
        log: Options of the worker's own log.
        recursion_limit: Maximum Python frames and JSON nesting levels.
        chunk_cpu_s: Maximum processor time for a chunk, after which the kernel kills the worker (SIGPROF). 0: any.
        memory_bytes: Maximum private memory of the worker; a chunk that needs more is rejected. 0: any.
        page_memory_bytes: Maximum memory of the worker's mirrors of pages; 0: interactions have no targets.
    """

    policies: dict[str, tuple[Policy, bytes]] = field(repr=False)
    behaviour: BehaviourRules | None
    log: LogOptions
    recursion_limit: int
    chunk_cpu_s: float = 0.0
    memory_bytes: int = 0
    page_memory_bytes: int = 0


class WorkerJob(msgspec.Struct, array_like=True, gc=False):
    """A chunk to be processed: the arguments of `take_in`; of the window's head only the fields that a row carries."""

    number: int
    key: WindowKey
    kept_from: date
    device_type: int
    actor_type: int
    state: bytes
    sent: SentChunk
    bounds: Bounds
    history: PageHistory | None = None


class WorkerAnswer(msgspec.Struct, array_like=True, gc=False):
    """Result of a job: a row, or a fault and a sentence for the sender, or a question; else: the worker failed."""

    number: int
    row: ChunkRow | None = None
    masked: list[tuple[str, str, int]] = []
    """(rule, field class, count)."""
    fault: Fault | None = None
    message: str = ""
    is_over_memory: bool = False
    """Whether the fault is the limit of memory."""
    is_recalled: bool = False
    """Whether the job was recalled before it began."""
    cpu_s: float = 0.0
    """Processor time of the job, in seconds."""
    repeated: int = 0
    set_back: int = 0
    unnamed: dict[str, int] = {}
    """As in ProcessedChunk."""
    history_after: PagePlace | None = None
    """The window's page is needed, and the worker has it up to here."""


class Progress:
    """Numbers of jobs in memory that a worker shares with the pool: the last begun one, and the last recalled one.

    A worker that is killed cannot send the former, and it may have answers that it has not sent yet; the latter is for
    jobs that wait in its socket.
    """

    SIZE_BYTES = 16
    _HALF = 8

    def __init__(self, fd: int) -> None:
        self._shared = mmap.mmap(fd, self.SIZE_BYTES)

    def begin(self, number: int) -> bool:
        """Sets the number of the job that begins; returns False if it was recalled."""
        self._shared[: self._HALF] = number.to_bytes(self._HALF, "little")
        return number > int.from_bytes(self._shared[self._HALF :], "little")

    def begun(self) -> int:
        """Returns the number of the last job that has begun; 0: none."""
        return int.from_bytes(self._shared[: self._HALF], "little")

    def recall(self, number: int) -> None:
        """Recalls all jobs up to this number that have not begun."""
        self._shared[self._HALF :] = number.to_bytes(self._HALF, "little")


_header = struct.Struct("<IB")
_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
encode: Callable[[WorkerJob | WorkerAnswer], bytes] = _encoder.encode
decode_job = msgspec.msgpack.Decoder(WorkerJob).decode
decode_answer = msgspec.msgpack.Decoder(WorkerAnswer).decode


def frame(kind: FrameKind, body: bytes = b"") -> bytes:
    """Returns a frame as sent."""
    return _header.pack(len(body), kind) + body


class Frames:
    """Splits received data into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yields the kind and the body of each complete frame."""
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
