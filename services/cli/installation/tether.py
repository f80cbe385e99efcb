"""A child process that does not outlive its parent, not even one that is killed with SIGKILL."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tether() -> Callable[[], None] | None:
    """Returns what a child runs before it becomes another program (`preexec_fn`); None where there is no such thing.

    Linux's PR_SET_PDEATHSIG makes the kernel send the child a signal when the thread that forked it dies, however
    that happened, and it survives exec. SIGKILL, because nobody is left who could insist; nothing that was
    acknowledged is lost by it (docs/adr/0001-group-commit.md, and Redis' append-only file).

    Call it, and fork, on the main thread: another thread may end before the process does.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded now: a forked child should do as little as it can
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl, and no signal will come
            os._exit(1)

    return before_exec
