"""The command line: its commands, and what may be said before them."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from services.cli.command import Invocation
from services.cli.configuration import config
from services.cli.doctor.doctor import doctor
from services.cli.heatmap import heatmap
from services.cli.listing import sessions
from services.cli.migrate import migrate
from services.cli.privacy import privacy
from services.cli.share import share
from services.cli.tokens import token
from services.cli.transfer.exporting import export
from services.cli.transfer.importing import import_command
from services.cli.up.up import up


def make_app() -> typer.Typer:
    """Returns the command line."""
    app = typer.Typer(
        name="afterimage",
        help="Self-hosted session recording: start it, bring recordings in, look at them, find out what is wrong.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_before)
    app.command()(up)
    app.command("import")(import_command)
    app.command()(export)
    app.command()(sessions)
    app.command()(heatmap)
    app.command()(token)
    app.command()(migrate)
    app.add_typer(share)
    app.add_typer(privacy)
    app.command()(doctor)
    app.command()(config)
    return app


def _before(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file. Default: AFTERIMAGE_CONFIG, else ./afterimage.toml if it is there."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda asked: _print_version(asked=asked))
    ] = False,
) -> None:
    context.obj = Invocation(config)


def _print_version(*, asked: bool) -> None:
    if asked:
        sys.stdout.write(f"afterimage {version('afterimage')}\n")
        raise typer.Exit


def main() -> None:
    """Runs the command line; the entry point `afterimage`."""
    make_app()()
