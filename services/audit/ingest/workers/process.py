"""`python -m services.audit.ingest.workers.process FD`: a process that takes chunks in for the one that speaks gRPC.

It keeps nothing between chunks but compiled policies: each chunk comes with its window's state, and goes back as the
row that is stored. So any worker can take any chunk, and one that dies takes nothing along.

Both talk over a socket that only they have (`protocol`).
"""

from __future__ import annotations

import pickle
import signal
import socket
import sys

import structlog

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.domain_settings import behaviour_rules
from services.audit.ingest.process_chunk import take_in
from services.audit.ingest.workers.protocol import Answer, FrameKind, Frames, Job, Setup, decode_job, encode, frame
from services.audit.model import WindowHead
from services.audit.payload import BadPayload
from services.audit.privacy.masking.masker import Masker
from services.audit.window_state import read_state
from services.runtime import log

_log = structlog.get_logger("afterimage.worker")

READ_BYTES = 1024 * 1024
ANSWERS_AT_ONCE = 8
"""Answers that wait for each other, so that they go out in one write."""


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
