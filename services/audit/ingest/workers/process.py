"""`python -m services.audit.ingest.workers.process LINK PROGRESS`: a worker that processes chunks for the gRPC process.

Between chunks it keeps compiled policies, and mirrors of pages, which can be made again: each chunk comes with its
window's state, and is returned as the row to store. Any worker can process any chunk, and no state is lost when one
dies.

The two processes communicate over a private socket (`protocol`), and share the number of the job in process. A worker
limits itself: a timer of the kernel kills it when a chunk takes too much processor time, and allocations beyond its
limit of memory fail.
"""

from __future__ import annotations

import gc
import pickle
import resource
import signal
import socket
import sys
import time

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled with the first setup

from services.runtime import log  # first: it keeps rich out of structlog

# isort: split
import structlog

from services.audit.ingest.page_mirrors import HistoryNeeded, PageMirrors
from services.audit.ingest.process_chunk import process_chunk
from services.audit.ingest.workers.protocol import (
    FrameKind,
    Frames,
    Progress,
    WorkerAnswer,
    WorkerJob,
    WorkerSetup,
    decode_job,
    encode,
    frame,
)
from services.audit.model import WindowHead
from services.audit.payload import BadPayload, Fault
from services.audit.privacy.masking.masker import Masker
from services.audit.window_state import read_state

_log = structlog.get_logger("afterimage.worker")

READ_BYTES = 1024 * 1024
ANSWERS_AT_ONCE = 8
"""Maximum number of answers that are sent in one write."""


class Worker:
    """Answers the frames received on a socket until it is closed."""

    def __init__(self, link: socket.socket, progress: Progress) -> None:
        self._link = link
        self._progress = progress
        self._setup: WorkerSetup | None = None
        self._maskers: dict[str, Masker] = {}
        self._mirrors: PageMirrors | None = None

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
        assert self._setup is not None  # noqa: S101 - it is the first frame
        if not self._progress.begin(job.number):
            return frame(FrameKind.ANSWER, encode(WorkerAnswer(job.number, is_recalled=True)))
        # By its default action the signal ends the process, also inside compiled code that runs no Python.
        signal.setitimer(signal.ITIMER_PROF, self._setup.chunk_cpu_s)
        begun_s = time.process_time()
        try:
            answer = self._take_in(job, self._setup)
        except HistoryNeeded as needed:
            answer = WorkerAnswer(job.number, history_after=needed.after)
        except BadPayload as bad:
            answer = WorkerAnswer(job.number, fault=bad.fault, message=str(bad))
        except MemoryError:
            answer = WorkerAnswer(
                job.number,
                fault=Fault.TOO_LARGE,
                message=f"payload: needs more than worker_memory_bytes ({self._setup.memory_bytes:,}) to be processed; "
                "send smaller chunks",
                is_over_memory=True,
            )
        except Exception:  # noqa: BLE001 - a defect met by one chunk must not affect the others
            _log.exception("a chunk could not be processed", session=str(job.key.session), seq=job.sent.seq)
            answer = WorkerAnswer(job.number)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        answer.cpu_s = time.process_time() - begun_s
        return frame(FrameKind.ANSWER, encode(answer))

    def _set_up(self, setup: WorkerSetup) -> None:
        sys.setrecursionlimit(setup.recursion_limit)
        log.configure(setup.log)
        limit, most = setup.memory_bytes or resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_DATA)[1]
        if most != resource.RLIM_INFINITY:
            limit = most if limit == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
        self._setup = setup
        # Anew with each policy: names that the former one kept are not given out any more.
        self._mirrors = PageMirrors(setup.page_memory_bytes) if setup.page_memory_bytes else None
        # All at once, before READY is sent: the first masker takes half a second, and no chunk has to wait for it.
        self._maskers = {project: Masker(*policy) for project, policy in setup.policies.items()}
        gc.freeze()
        gc.enable()

    def _take_in(self, job: WorkerJob, setup: WorkerSetup) -> WorkerAnswer:
        masker = self._maskers[job.key.project]
        head = WindowHead(job.key, job.kept_from, device_type=job.device_type, actor_type=job.actor_type)
        taken = process_chunk(
            head, read_state(job.state), job.sent, job.bounds, masker, setup.behaviour, self._mirrors, job.history
        )
        masked = [(*where, count) for where, count in taken.masked.items()]
        return WorkerAnswer(
            job.number, taken.row, masked, repeated=taken.repeated, set_back=taken.set_back, unnamed=taken.unnamed
        )


def main(arguments: list[str]) -> int:
    """Runs a worker on the inherited socket and shared file, given as file descriptors."""
    # Terminals and service managers signal all processes; only the process with the streams knows when to stop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    link_fd, progress_fd = map(int, arguments)
    with socket.socket(fileno=link_fd) as link:
        try:
            Worker(link, Progress(progress_fd)).run()
        except ConnectionError:
            return 1  # the other side died
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
