"""Progress of an import: a bar on a terminal, one line per session elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from services.cli.command import spoken_size
from services.cli.transfer.import_session import SessionSent


class Progress(Protocol):
    """Receives the progress of an import."""

    def tell_file(self, path: Path, number: int, count: int) -> None:
        """Starts file `number` of `count`."""
        ...

    def expect(self, events: int) -> None:
        """Adds events that were read."""
        ...

    def advance(self, events: int) -> None:
        """Adds events that have become durable."""
        ...

    def tell_session(self, sent: SessionSent) -> None:
        """Ends a session."""
        ...

    def tell_problem(self, problem: str) -> None:
        """Reports a problem; the import continues."""
        ...

    def tell_note(self, note: str) -> None:
        """Reports something of which nothing is lost."""
        ...


@contextmanager
def progress_on(stream: TextIO, *, quiet: bool = False) -> Iterator[Progress]:
    """Yields the progress display on `stream`.

    Args:
        stream: Standard error, so that the output of a command can be piped.
        quiet: Shows problems only.
    """
    console = Console(file=stream, soft_wrap=True, highlight=False)
    if quiet or not console.is_terminal:
        yield PlainProgress(stream, quiet=quiet)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=console, transient=True) as bar:
        yield BarProgress(bar)


class PlainProgress:
    """One line per session and per problem."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet

    def tell_file(self, path: Path, number: int, count: int) -> None:
        """Prints nothing: the lines of the sessions name the file."""

    def expect(self, events: int) -> None:
        """Prints nothing."""

    def advance(self, events: int) -> None:
        """Prints nothing."""

    def tell_session(self, sent: SessionSent) -> None:
        """Prints the result of the session."""
        if not self._quiet:
            self._stream.write(f"{session_line(sent)}\n")
        for problem in sent.problems:
            self.tell_problem(f"{sent.path}: session {sent.foreign_id}: {problem}")

    def tell_problem(self, problem: str) -> None:
        """Prints the problem."""
        self._stream.write(f"problem: {problem}\n")
        self._stream.flush()

    def tell_note(self, note: str) -> None:
        """Prints the note."""
        if not self._quiet:
            self._stream.write(f"note: {note}\n")


class BarProgress:
    """A bar over all events read up to now, with lines above it."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("reading", total=0)
        self._expected = 0

    def tell_file(self, path: Path, number: int, count: int) -> None:
        """Names the file beside the bar."""
        self._bar.update(self._task, description=escape(f"{path.name} ({number} of {count})"))

    def expect(self, events: int) -> None:
        """Makes the bar longer."""
        self._expected += events
        self._bar.update(self._task, total=self._expected)

    def advance(self, events: int) -> None:
        """Moves the bar."""
        self._bar.advance(self._task, events)

    def tell_session(self, sent: SessionSent) -> None:
        """Prints the result of the session above the bar."""
        self._bar.console.print(escape(session_line(sent)))
        for problem in sent.problems:
            self.tell_problem(f"{sent.path}: session {sent.foreign_id}: {problem}")

    def tell_problem(self, problem: str) -> None:
        """Prints the problem above the bar."""
        self._bar.console.print(f"[red]problem:[/red] {escape(problem)}")

    def tell_note(self, note: str) -> None:
        """Prints the note above the bar."""
        self._bar.console.print(f"note: {escape(note)}")


def session_line(sent: SessionSent) -> str:
    """Returns one line about a finished session."""
    what = "was here already" if sent.is_known else f"{spoken_size(sent.sent_bytes)} sent"
    if sent.known_chunks and sent.chunks:
        what += f", {sent.known_chunks} of {sent.known_chunks + sent.chunks} chunks were here already"
    return f"{sent.path.name}: session {sent.session_id}, {sent.events:,} events, {what}"
