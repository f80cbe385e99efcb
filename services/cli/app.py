"""The command line: its commands, and the options in front of them.

A command is imported when it is called: `afterimage --help` and `--version` load neither gRPC nor numpy nor pydantic.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class _Command:
    """A command that is not loaded yet.

    Attributes:
        summary: Its line in `afterimage --help`.
        add_to: Imports it and adds it to an application.
    """

    summary: str
    add_to: Callable[[typer.Typer], None]


def _add_up(app: typer.Typer) -> None:
    from services.cli.up.up import up

    app.command("up")(up)


def _add_import(app: typer.Typer) -> None:
    from services.cli.transfer.importing import import_command

    app.command("import")(import_command)


def _add_export(app: typer.Typer) -> None:
    from services.cli.transfer.exporting import export

    app.command("export")(export)


def _add_sessions(app: typer.Typer) -> None:
    from services.cli.listing import sessions

    app.command("sessions")(sessions)


def _add_heatmap(app: typer.Typer) -> None:
    from services.cli.heatmap import heatmap

    app.command("heatmap")(heatmap)


def _add_token(app: typer.Typer) -> None:
    from services.cli.tokens import token

    app.command("token")(token)


def _add_revoke(app: typer.Typer) -> None:
    from services.cli.revoke import revoke

    app.command("revoke")(revoke)


def _add_migrate(app: typer.Typer) -> None:
    from services.cli.migrate import migrate

    app.command("migrate")(migrate)


def _add_backup(app: typer.Typer) -> None:
    from services.cli.backup.backup import backup

    app.command("backup")(backup)


def _add_restore(app: typer.Typer) -> None:
    from services.cli.backup.restore import restore

    app.command("restore")(restore)


def _add_share(app: typer.Typer) -> None:
    from services.cli.share import share

    app.add_typer(share)


def _add_privacy(app: typer.Typer) -> None:
    from services.cli.privacy import privacy

    app.add_typer(privacy)


def _add_doctor(app: typer.Typer) -> None:
    from services.cli.doctor.doctor import doctor

    app.command("doctor")(doctor)


def _add_config(app: typer.Typer) -> None:
    from services.cli.configuration import config

    app.command("config")(config)


_COMMANDS = {
    "up": _Command("Starts all services; stop with Ctrl-C.", _add_up),
    "import": _Command("Imports recordings: rrweb's JSON, PostHog's exports.", _add_import),
    "export": _Command("Writes a session as JSON, HAR, video or picture; lists.", _add_export),
    "sessions": _Command("Lists sessions.", _add_sessions),
    "heatmap": _Command("Draws the heatmap of a page.", _add_heatmap),
    "share": _Command("Creates, lists and revokes expiring share links.", _add_share),
    "token": _Command("Prints a token.", _add_token),
    "revoke": _Command("Ends a token, or all tokens of a subject, before they expire.", _add_revoke),
    "privacy": _Command("Tries the privacy policy and tests its rules.", _add_privacy),
    "migrate": _Command("Migrates the database to the newest version.", _add_migrate),
    "backup": _Command("Copies the installation while it records.", _add_backup),
    "restore": _Command("Loads a backup into an empty installation.", _add_restore),
    "doctor": _Command("Diagnoses the installation, one line per check.", _add_doctor),
    "config": _Command("Prints an afterimage.toml with every key.", _add_config),
}
"""In the order of `afterimage --help`."""


class _CommandsOnDemand(TyperGroup):
    """Holds a stub of each command, for help and for suggestions, and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, stub, rest = super().resolve_command(ctx, args)
        return name, _loaded(name) if name in _COMMANDS else stub, rest


def make_app() -> typer.Typer:
    """Returns the command line."""
    app = _new_app(cls=_CommandsOnDemand)
    app.callback()(_before)
    for name, command in _COMMANDS.items():
        app.command(name, help=command.summary)(_stub)
    return app


def _new_app(**options: Any) -> typer.Typer:
    return typer.Typer(
        name="afterimage",
        help="Self-hosted session recording: start it, import recordings, inspect them, diagnose problems.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        **options,
    )


def _loaded(name: str) -> Any:
    """Returns a command as an application that has only this command would."""
    app = _new_app()
    gc.disable()  # imports make no garbage, and collections take a tenth of their time
    try:
        _COMMANDS[name].add_to(app)
    finally:
        gc.enable()
    return get_group(app).commands[name]


def _stub() -> None:
    raise AssertionError("a stub is replaced before it is called")


def _before(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file. Default: AFTERIMAGE_CONFIG, else ./afterimage.toml if it exists."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    from services.cli.command import Invocation

    context.obj = Invocation(config)


def _print_version(asked: bool) -> None:
    from importlib.metadata import version

    if asked:
        sys.stdout.write(f"afterimage {version('afterimage')}\n")
        raise typer.Exit


def main() -> None:
    """Runs the command line; the entry point `afterimage`. Its files are for its own user only: exports, the data."""
    os.umask(0o077)
    make_app()()
