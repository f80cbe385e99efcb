"""Options that select sessions: of `afterimage sessions`, and of exported lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from afterimage_client.audit.v1 import SessionFilter
from afterimage_client.recording.v1 import ActorType, DeviceType, SessionStatus
from betterproto import Enum

from services.cli.command import CommandError, duration_s

Since = Annotated[str | None, typer.Option(help="Started at or after: 2h (ago), 7d, 2026-01-31, a full time.")]
Until = Annotated[str | None, typer.Option(help="Started before: as --since.")]
Actor = Annotated[str | None, typer.Option(help="Only this actor's, exactly.")]
ActorTypes = Annotated[list[str] | None, typer.Option(help="Only such actors: anonymous, user, staff, bot.")]
Devices = Annotated[list[str] | None, typer.Option(help="Only on: desktop, mobile, tablet, other.")]
Statuses = Annotated[list[str] | None, typer.Option(help="Only: live, ended, left, timed_out.")]
PageText = Annotated[str | None, typer.Option(help="Only with this text in the URL of a page.")]
Tags = Annotated[list[str] | None, typer.Option(help="Only with this tag.", metavar="NAME=VALUE")]
MinDuration = Annotated[str | None, typer.Option(help="Minimum duration, such as 30s.")]
MaxDuration = Annotated[str | None, typer.Option(help="Maximum duration.")]
Errors = Annotated[bool | None, typer.Option("--errors/--no-errors", help="With errors, or without.")]
RageClicks = Annotated[bool | None, typer.Option("--rage-clicks/--no-rage-clicks", help="With, or without.")]
DeadClicks = Annotated[bool | None, typer.Option("--dead-clicks/--no-dead-clicks", help="With, or without.")]


def session_filter(
    *,
    since: str | None = None,
    until: str | None = None,
    actor: str | None = None,
    actor_type: list[str] | None = None,
    device: list[str] | None = None,
    status: list[str] | None = None,
    page: str | None = None,
    tag: list[str] | None = None,
    min_duration: str | None = None,
    max_duration: str | None = None,
    errors: bool | None = None,
    rage_clicks: bool | None = None,
    dead_clicks: bool | None = None,
) -> SessionFilter:
    """Returns the filter of the options.

    Raises:
        CommandError: An option cannot be read.
    """
    wanted = SessionFilter(
        actor_id=actor or "",
        actor_types=numbers(ActorType, actor_type, "--actor-type"),
        device_types=numbers(DeviceType, device, "--device"),
        statuses=numbers(SessionStatus, status, "--status"),
        page=page or "",
        has_errors=errors,
        has_rage_clicks=rage_clicks,
        has_dead_clicks=dead_clicks,
        tags=_tags(tag or []),
    )
    # betterproto marks these as "not set" only if they are left out.
    if since is not None:
        wanted.start_time = _moment(since, "--since")
    if until is not None:
        wanted.end_time = _moment(until, "--until")
    if min_duration is not None:
        wanted.min_duration = timedelta(seconds=duration_s(min_duration))
    if max_duration is not None:
        wanted.max_duration = timedelta(seconds=duration_s(max_duration))
    return wanted


def numbers(kind: type[Enum], names: list[str] | None, option: str) -> list[Any]:
    """Returns the values of an enum of the contract, given by their names, also several with commas between them.

    Raises:
        CommandError: There is no such name.
    """
    known = {str(value.name).lower(): value for value in kind if value != 0}
    wanted = [name.strip().lower() for text in names or () for name in text.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        raise CommandError(f"{option}: there is no {unknown[0]!r}, only {', '.join(known)}")
    return [known[name] for name in wanted]


def _tags(texts: list[str]) -> dict[str, str]:
    tags = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise CommandError(f"--tag: {text!r} is not NAME=VALUE")
        tags[name] = value
    return tags


def _moment(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        pass
    try:
        return datetime.now(UTC) - timedelta(seconds=duration_s(text))
    except (CommandError, OverflowError):
        raise CommandError(f"{option}: {text!r} is neither a time nor a duration: 2026-01-31, 7d, 2h") from None
