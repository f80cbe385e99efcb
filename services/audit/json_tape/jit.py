"""Compilation of byte loops by numba, with a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Returns a decorator that compiles a function; the compiled function runs without the GIL.

    The compiled code is cached in NUMBA_CACHE_DIR, or else beside the source, or in the user's cache directory if
    the source directory is not writable. Processes may compile concurrently. Without a writable directory every
    process compiles again, which takes a few seconds.

    Args:
        signature: numba's signature of a function called from Python: it is compiled at import, not at the first call.
    """
    jit: Any = njit

    def compile_it(function: Callable[..., Any]) -> Any:
        try:
            return jit(*signature, nogil=True, cache=True)(function)
        except RuntimeError:  # no writable cache directory
            return jit(*signature, nogil=True)(function)

    return compile_it
