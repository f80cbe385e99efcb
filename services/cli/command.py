"""Shared by all commands: error messages, settings, and the format of durations."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.errors import CommandError
from services.runtime.settings.loader import Settings, SettingsError, load_settings

__all__ = [
    "INTERRUPTED",
    "Address",
    "CommandError",
    "Invocation",
    "ProjectName",
    "complain",
    "duration_s",
    "invocation_of",
    "run",
    "spoken_duration",
    "spoken_size",
    "telling_problems",
]

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells: 128 plus the signal's number."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """Options in front of the command's name.

    Attributes:
        config: The settings file; None: AFTERIMAGE_CONFIG, else ./afterimage.toml if it exists.
    """

    config: Path | None = None

    def settings(self) -> Settings:
        """Returns the settings.

        Raises:
            SettingsError: With all problems at once.
        """
        return load_settings(self.config)


def invocation_of(context: typer.Context) -> Invocation:
    """Returns the options in front of the command's name."""
    return context.obj if isinstance(context.obj, Invocation) else Invocation()


def complain(sentence: str) -> None:
    """Writes one sentence to standard error."""
    sys.stderr.write(f"{sentence}\n")


@contextmanager
def telling_problems() -> Iterator[None]:
    """Turns errors that the user can fix into a sentence and an exit status; any other error is a defect and passes."""
    try:
        yield
    except CommandError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    except SettingsError as error:
        complain("\n".join(error.problems))
        raise typer.Exit(2) from None
    except BrokenPipeError:
        # The reader of the output is gone (`| head`). Python would report it once more at the flush.
        sys.stdout = None
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain("interrupted")
        raise typer.Exit(INTERRUPTED) from None


def run(main: Coroutine[Any, Any, int | None]) -> None:
    """Runs a command to its end; its result, if not 0 or None, is the exit status."""
    # Libraries' warnings are not for users of a command: its final sentence has the relevant information.
    logging.getLogger().addHandler(logging.NullHandler())
    with telling_problems():
        if status := asyncio.run(main):
            raise typer.Exit(status)


def duration_s(text: str) -> float:
    """Returns a duration such as "90s", "15m", "1h30m" or "7d" in seconds.

    Raises:
        CommandError: The text is not a duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise CommandError(f"{text!r} is not a duration: write 90s, 15m, 1h30m or 7d")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def spoken_duration(seconds: float) -> str:
    """Returns a duration for people: "0.4 s", "42 s", "3 min 05 s", "2 h 11 min", "4 d 6 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 2 * 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def spoken_size(size_bytes: int) -> str:
    """Returns a size for people: "812 B", "14.2 KB", "3.1 MB", "1.2 GB" (powers of 1,000)."""
    amount = float(size_bytes)
    if amount < 1_000:
        return f"{size_bytes} B"
    for unit in ("KB", "MB"):
        amount /= 1_000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1_000:.1f} GB"


Address = Annotated[
    str | None,
    typer.Option(
        help="AuditService, host:port or unix:path. Default: the one that `afterimage up` of this data directory "
        "started, else audit.host and audit.port of the settings.",
        metavar="HOST:PORT",
    ),
]
ProjectName = Annotated[str | None, typer.Option("--project", help="The project. Default: the only configured one.")]
