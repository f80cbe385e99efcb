"""`python -m services.cli.up.import_samples`: imports the sample recordings into a running installation.

It is a program of its own, which ends: the process of `up` stays, and does not need a client.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import typer
from afterimage_client.audit.v1 import SessionFilter, SessionOrder

from services.cli.client import connect
from services.cli.command import run
from services.cli.listing import fetch_sessions, show
from services.cli.transfer.import_progress import progress_on
from services.cli.transfer.importing import SCOPES
from services.cli.up.hints import look_around
from services.cli.up.samples import import_samples
from services.runtime.settings.loader import load_settings


async def main(sidecar: str, own: str, config: Path | None) -> None:
    """Imports the samples, and prints a summary and commands to look at them.

    Args:
        sidecar: URL of the sidecar; "": no sidecar.
        own: As in `look_around`.
        config: The settings file named on the command line.
    """
    settings = load_settings(config)
    project = settings.projects[0].id
    async with connect(settings, SCOPES, project=project) as client:
        with progress_on(sys.stderr, quiet=not sys.stderr.isatty()) as progress:
            summary = await import_samples(client, progress, time.time)
        sys.stdout.write(f"\nSample recordings: {summary}\n\n")
        found = await fetch_sessions(client, SessionFilter(), SessionOrder(SessionOrder.NEWEST_FIRST), 10)
        show(found)
        if found:
            sys.stdout.write(look_around(settings, sidecar, project, found[0].session_id, own))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sidecar", default="")
    parser.add_argument("--own", required=True)
    parser.add_argument("--config", type=Path)
    asked = parser.parse_args()
    try:
        run(main(asked.sidecar, asked.own, asked.config))
    except typer.Exit as end:
        sys.exit(end.exit_code)
