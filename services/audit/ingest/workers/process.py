"""`python -m services.audit.ingest.workers.process FD`: a worker that processes chunks for the gRPC process.

It keeps only compiled policies between chunks: each chunk comes with its window's state, and is returned as the row
to store. Any worker can process any chunk, and no state is lost when one dies.

The two processes communicate over a private socket (`protocol`).
"""

from __future__ import annotations

import gc
import pickle
import signal
import socket
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled with the first setup

from services.runtime import log  # first: it keeps rich out of structlog

# isort: split
import structlog

from services.audit.ingest.process_chunk import process_chunk
from services.audit.ingest.workers.protocol import (
    FrameKind,
    Frames,
    WorkerAnswer,
    WorkerJob,
    WorkerSetup,
    decode_job,
    encode,
    frame,
)
from services.audit.model import WindowHead
from services.audit.payload import BadPayload
from services.audit.privacy.masking.masker import Masker
from services.audit.window_state import read_state

_log = structlog.get_logger("afterimage.worker")

READ_BYTES = 1024 * 1024
ANSWERS_AT_ONCE = 8
"""Maximum number of answers that are sent in one write."""


class Worker:
    """Answers the frames received on a socket until it is closed."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._setup: WorkerSetup | None = None
        self._maskers: dict[str, Masker] = {}

    def run(self) -> None:
        """Runs until the other side closes the socket."""
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
            answer = WorkerAnswer(job.number, fault=bad.fault, message=str(bad))
        except Exception:  # noqa: BLE001 - a defect met by one chunk must not affect the others
            _log.exception("a chunk could not be processed", session=str(job.key.session), seq=job.sent.seq)
            answer = WorkerAnswer(job.number)
        return frame(FrameKind.ANSWER, encode(answer))

    def _set_up(self, setup: WorkerSetup) -> None:
        sys.setrecursionlimit(setup.recursion_limit)
        log.configure(setup.log)
        self._setup = setup
        # All at once, before READY is sent: the first masker takes half a second, and no chunk has to wait for it.
        self._maskers = {project: Masker(*policy) for project, policy in setup.policies.items()}
        gc.freeze()
        gc.enable()

    def _take_in(self, job: WorkerJob) -> WorkerAnswer:
        assert self._setup is not None  # noqa: S101 - it is the first frame
        masker = self._maskers[job.key.project]
        head = WindowHead(job.key, job.kept_from, device_type=job.device_type, actor_type=job.actor_type)
        taken = process_chunk(head, read_state(job.state), job.sent, job.bounds, masker, self._setup.behaviour)
        return WorkerAnswer(job.number, taken.row, [(*where, count) for where, count in taken.masked.items()])


def main(arguments: list[str]) -> int:
    """Runs a worker on the inherited socket with the file descriptor given as the argument."""
    # Terminals and service managers signal all processes; only the process with the streams knows when to stop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(arguments[0])) as link:
        try:
            Worker(link).run()
        except ConnectionError:
            return 1  # the other side died
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
