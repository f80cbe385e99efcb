"""Busy loops beside a test: the effect of a loaded machine on the order of things.

In `make test`, other tests load the machine: one loop is enough there, and `make campaign` has more.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager


@contextmanager
def busy_loops(count=4):
    """Runs `count` processes that take all the processor time they get."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield
