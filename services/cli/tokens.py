"""`afterimage token`: a token for people and scripts, signed with the installation's secret."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from services.cli.command import (
    CommandError,
    ProjectName,
    complain,
    duration_s,
    invocation_of,
    spoken_duration,
    telling_problems,
)
from services.cli.local import local_subject, the_project
from services.runtime.identity.tokens import Scope, TokenMinter

# INTERNAL is for Afterimage's own processes and is never given to a person.
_FOR_PEOPLE = [scope for scope in Scope if scope is not Scope.INTERNAL]


def token(
    context: typer.Context,
    *,
    scope: Annotated[
        list[str],
        typer.Option(help=f"Scopes: {', '.join(_FOR_PEOPLE)}. Several: repeat the option, or separate with commas."),
    ],
    ttl: Annotated[str, typer.Option(help="Validity, such as 15m, 1h or 7d.")] = "1h",
    project: ProjectName = None,
    subject: Annotated[str | None, typer.Option(help="Subject. Default: this machine's user.")] = None,
) -> None:
    """Prints a token."""
    with telling_problems():
        settings = invocation_of(context).settings()
        holds_s = duration_s(ttl)
        if not holds_s:
            raise CommandError("--ttl: must be above 0")
        token_id = secrets.token_hex(12)
        minter = TokenMinter(settings, new_id=lambda: token_id)
        if holds_s > minter.max_life_s:
            raise CommandError(
                f"--ttl: at most {spoken_duration(minter.max_life_s)} (auth.max_token_life_s); "
                "programs that run longer get a new token in time"
            )
        minted = minter.mint(subject or local_subject(), the_project(settings, project), _scopes(scope), holds_s)
        sys.stdout.write(f"{minted}\n")
        complain(f"token {token_id}, for {spoken_duration(holds_s)}; `afterimage revoke --jti {token_id}` ends it")


def _scopes(words: list[str]) -> list[Scope]:
    named = [word.strip() for text in words for word in text.split(",") if word.strip()]
    if unknown := sorted(set(named) - set(_FOR_PEOPLE)):
        raise CommandError(f"--scope: there is no {unknown[0]!r}, only {', '.join(_FOR_PEOPLE)}")
    if not named:
        raise CommandError(f"--scope: name at least one of {', '.join(_FOR_PEOPLE)}")
    return [Scope(word) for word in named]
