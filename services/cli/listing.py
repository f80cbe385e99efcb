"""`afterimage sessions`: lists stored sessions, as a table or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from afterimage_client.audit.v1 import ListSessionsRequest, SessionFilter, SessionOrder
from afterimage_client.recording.v1 import ActorType, DeviceType, Session, SessionStatus
from betterproto import Enum
from rich.text import Text

from services.cli.client import TIMEOUT_S, Client, connect
from services.cli.command import (
    Address,
    ProjectName,
    invocation_of,
    run,
    spoken_duration,
    spoken_size,
)
from services.cli.session_filter import (
    Actor,
    ActorTypes,
    DeadClicks,
    Devices,
    Errors,
    MaxDuration,
    MinDuration,
    PageText,
    RageClicks,
    Since,
    Statuses,
    Tags,
    Until,
    numbers,
    session_filter,
)
from services.cli.tables import new_table, print_table
from services.runtime.identity.tokens import Scope

MAX_PAGE_SIZE = 500  # the contract's
_LONGEST_TEXT = 48
"""Characters of a URL or an actor in the table; --json has all."""


def sessions(
    context: typer.Context,
    *,
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    actor_type: ActorTypes = None,
    device: Devices = None,
    status: Statuses = None,
    page: PageText = None,
    tag: Tags = None,
    min_duration: MinDuration = None,
    max_duration: MaxDuration = None,
    errors: Errors = None,
    rage_clicks: RageClicks = None,
    dead_clicks: DeadClicks = None,
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
        wanted = session_filter(
            since=since,
            until=until,
            actor=actor,
            actor_type=actor_type,
            device=device,
            status=status,
            page=page,
            tag=tag,
            min_duration=min_duration,
            max_duration=max_duration,
            errors=errors,
            rage_clicks=rage_clicks,
            dead_clicks=dead_clicks,
        )
        (by,) = numbers(SessionOrder, [order], "--order")
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
