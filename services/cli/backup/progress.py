"""Progress of a backup or a restore: a bar on a terminal, one line per file elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress


class Progress:
    """One line per file.

    Args:
        stream: Standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def expect(self, size_bytes: int) -> None:
        """Sets the expected amount; it may be inexact."""

    def advance(self, size_bytes: int) -> None:
        """Adds to the amount that is done."""

    def tell(self, line: str) -> None:
        """Reports a file that is done."""
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _BarProgress(Progress):
    """A bar of bytes, with the lines above it."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def expect(self, size_bytes: int) -> None:
        self._bar.update(self._task, total=max(size_bytes, 1))

    def advance(self, size_bytes: int) -> None:
        self._bar.advance(self._task, size_bytes)

    def tell(self, line: str) -> None:
        self._bar.console.print(escape(line))


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Progress]:
    """Yields the progress display on `stream`."""
    console = Console(file=stream, soft_wrap=True, highlight=False)
    if not console.is_terminal:
        yield Progress(stream)
        return
    with RichProgress(SpinnerColumn(), BarColumn(), DownloadColumn(), TimeElapsedColumn(), console=console) as bar:
        yield _BarProgress(bar)
