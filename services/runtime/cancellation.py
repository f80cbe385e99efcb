"""Cancellation of tasks that wait in a library."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keeping_cancellation() -> Iterator[None]:
    """Raises CancelledError if the task was cancelled while the block ran, also when the block did not.

    Libraries wait under asyncio.wait_for, which before Python 3.12 swallows a cancellation that arrives in the loop
    iteration in which the awaited call completes (python/cpython#86296); others raise an error of closing a connection
    instead of it. The task would continue as if it had not been cancelled, and a service would never end.

    An asyncio.timeout, around this block or inside of it, works as usual.
    """
    task = asyncio.current_task()
    requests = 0 if task is None else task.cancelling()
    try:
        yield
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if task is not None and task.cancelling() > requests:
            raise asyncio.CancelledError from error
        raise
    if task is not None and task.cancelling() > requests:
        raise asyncio.CancelledError
