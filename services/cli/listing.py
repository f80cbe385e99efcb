"""`afterimage sessions`: lists stored sessions, as a table or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from afterimage_client.audit.v1 import ListSessionsRequest, SessionFilter, SessionOrder
from afterimage_client.recording.v1 import ActorType, DeviceType, Session, SessionStatus
from betterproto import Enum
from rich.text import Text

from services.cli.client import TIMEOUT_S, Client, connect
from services.cli.command import (
    Address,
    CommandError,
    ProjectName,
    duration_s,
    invocation_of,
    run,
    spoken_duration,
    spoken_size,
)
from services.cli.tables import new_table, print_table
from services.runtime.identity.tokens import Scope

MAX_PAGE_SIZE = 500  # the contract's
_LONGEST_TEXT = 48
"""Characters of a URL or an actor in the table; --json has all."""


def sessions(
    context: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(help="Started at or after: 2h (ago), 7d, 2026-01-31, a full time.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Started before: as --since.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only this actor's, exactly.")] = None,
    actor_type: Annotated[list[str] | None, typer.Option(help="Only such actors: anonymous, user, staff, bot.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Only on: desktop, mobile, tablet, other.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only: live, ended, left, timed_out.")] = None,
    page: Annotated[str | None, typer.Option(help="Only with this text in the URL of a page.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag.", metavar="NAME=VALUE")] = None,
    min_duration: Annotated[str | None, typer.Option(help="Minimum duration, such as 30s.")] = None,
    max_duration: Annotated[str | None, typer.Option(help="Maximum duration.")] = None,
    errors: Annotated[bool | None, typer.Option("--errors/--no-errors", help="With errors, or without.")] = None,
    rage_clicks: Annotated[
        bool | None, typer.Option("--rage-clicks/--no-rage-clicks", help="With, or without.")
    ] = None,
    dead_clicks: Annotated[
        bool | None, typer.Option("--dead-clicks/--no-dead-clicks", help="With, or without.")
    ] = None,
    order: Annotated[str, typer.Option(help="newest_first, oldest_first, longest_first, most_errors_first ...")] = (
        "newest_first"
    ),
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of sessions.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line: the contract's Session.")] = (
        False
    ),
    only_ids: Annotated[bool, typer.Option("--ids", help="Only the ids, one per line.")] = False,
    project: ProjectName = None,
    address: Address = None,
) -> None:
    """Lists sessions."""

    async def main() -> None:
        settings = invocation_of(context).settings()
        wanted = SessionFilter(
            actor_id=actor or "",
            actor_types=_numbers(ActorType, actor_type, "--actor-type"),
            device_types=_numbers(DeviceType, device, "--device"),
            statuses=_numbers(SessionStatus, status, "--status"),
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
        (by,) = _numbers(SessionOrder, [order], "--order")
        async with connect(settings, [Scope.VIEW], address=address, project=project) as client:
            found = await fetch_sessions(client, wanted, SessionOrder(by), limit)
        if only_ids:
            for session in found:
                sys.stdout.write(f"{session.session_id}\n")
        elif as_json:
            for session in found:
                sys.stdout.write(session.to_json(include_default_values=True) + "\n")
        else:
            show(found)

    run(main())


async def fetch_sessions(client: Client, wanted: SessionFilter, order: SessionOrder, limit: int) -> list[Session]:
    """Returns at most `limit` sessions, page by page."""
    found: list[Session] = []
    token = ""
    while len(found) < limit:
        size = min(limit - len(found), MAX_PAGE_SIZE)
        request = ListSessionsRequest(page_size=size, page_token=token, filter=wanted, order=order)
        answer = await client.audit.list_sessions(request, timeout=TIMEOUT_S)
        found += answer.sessions
        token = answer.next_page_token
        if not token:
            break
    return found


def show(found: Sequence[Session]) -> None:
    """Prints sessions as a table; ids are never cut, so that they can be copied."""
    if not found:
        sys.stdout.write("no sessions\n")
        return
    numbers = ("events", "clicks", "errors", "failed", "rage", "stored")
    table = new_table(
        "session", "started", "lasted", "status", "device", "actor", *numbers, "first page", right=numbers
    )
    for session in found:
        totals = session.totals
        table.add_row(
            session.session_id,
            f"{session.start_time.astimezone():%Y-%m-%d %H:%M:%S}",
            spoken_duration(session.duration.total_seconds()),
            _name(session.status, SessionStatus),
            Text(_cut(_device(session))),
            Text(_cut(_actor(session))),
            f"{totals.event_count:,}",
            f"{totals.click_count:,}",
            f"{totals.error_count:,}",
            f"{totals.failed_request_count:,}",
            f"{totals.rage_click_count:,}",
            spoken_size(totals.stored_bytes),
            Text(_cut(session.first_url)),
        )
    print_table(table)


def _actor(session: Session) -> str:
    """Returns the visitor's id of the recorded site, else the type of visitor and the end of the session's id."""
    if session.actor_id:
        return session.actor_id
    name = (
        "visitor"
        if session.actor_type in (ActorType.ANONYMOUS, ActorType.UNSPECIFIED)
        else _name(session.actor_type, ActorType)
    )
    return f"{name} {session.session_id[-4:]}"


def _device(session: Session) -> str:
    """Returns the type of device; of an unknown one its software or viewport."""
    if session.device_type != DeviceType.UNSPECIFIED:
        return _name(session.device_type, DeviceType)
    software = " on ".join(part for part in (session.browser, session.system) if part)
    if software or not session.viewport.width:
        return software or "unknown"
    return f"{session.viewport.width} x {session.viewport.height} px"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _name(number: int, kind: type[Enum]) -> str:
    """Returns the contract's name of an enum's value in lower case; of a newer contract's, the number."""
    try:
        return str(kind(number).name).lower()
    except ValueError:
        return str(number)


def _numbers(kind: type[Enum], names: list[str] | None, option: str) -> list[Any]:
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
