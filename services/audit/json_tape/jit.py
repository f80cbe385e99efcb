"""How loops over bytes are compiled: by numba, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Returns a decorator that compiles a function; it then runs without the interpreter's lock.

    What was compiled is kept: beside the source, or where that cannot be written in the user's cache, or where
    NUMBA_CACHE_DIR says. Processes may do so at the same time. Without any such place every process compiles anew,
    which takes some seconds.

    Args:
        signature: numba's, for what is called from Python: it is compiled at once, not at the first call.
    """
    jit: Any = njit

    def compile_it(function: Callable[..., Any]) -> Any:
        try:
            return jit(*signature, nogil=True, cache=True)(function)
        except RuntimeError:  # there is no place to keep it
            return jit(*signature, nogil=True)(function)

    return compile_it
