"""The compiled loops as plain Python, over bytes that may be read only where there are any."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numba


def uncompiled(module: ModuleType) -> ModuleType:
    """Returns an uncompiled copy of a module."""
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_uncompiled", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    before = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = True
    try:
        spec.loader.exec_module(copy)
    finally:
        numba.config.DISABLE_JIT = before
    return copy


class Bytes:
    """Bytes that are read one by one; reading before the first or past the last is an error."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __len__(self) -> int:
        return len(self._text)

    def __getitem__(self, place: int) -> int:
        if not 0 <= place < len(self._text):
            raise IndexError(f"byte {place} of {len(self._text)}")
        return self._text[place]
