"""Passcodes: argon2id, off the event loop, with limited concurrency."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

TIME_COST = 2
MEMORY_KIB = 19 * 1024
"""OWASP's parameters for argon2id (Password Storage Cheat Sheet): about 25 ms of one core and 19 MiB."""

THREADS = 2


class Passcodes:
    """Hashes and checks passcodes. Two at once at most: a waiting one costs a place in a queue, not 19 MiB."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, "passcode")

    async def hash(self, passcode: str) -> str:
        """Returns the stored form of a passcode."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, passcode)

    async def matches(self, stored: str, passcode: str) -> bool:
        """Returns whether the passcode matches the stored one; the work is the same for right and wrong."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, stored, passcode)

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown()

    def _matches(self, stored: str, passcode: str) -> bool:
        try:
            return self._hasher.verify(stored, passcode)
        except VerifyMismatchError:
            return False
