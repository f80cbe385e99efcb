"""Child processes that do not outlive their parent, even after SIGKILL."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tether() -> Callable[[], None] | None:
    """Returns the `preexec_fn` of a child process; None on systems without support.

    Linux's PR_SET_PDEATHSIG makes the kernel send the child a signal when the thread that forked it dies, for any
    reason, and it survives exec. SIGKILL, because no process is left to enforce a gentler signal; no acknowledged data
    is lost by it (docs/adr/0001-group-commit.md, and Redis' append-only file).

    Call this, and fork, on the main thread: another thread may end before the process does.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded now: a forked child should do as little as possible
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl: no signal will come
            os._exit(1)

    return before_exec
