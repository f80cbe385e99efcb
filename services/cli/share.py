"""`afterimage share`: creates, lists and revokes expiring share links."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Protocol, TypeVar

import aiohttp
import betterproto
import typer
from afterimage_client.share.v1 import (
    CreateShareLinkRequest,
    CreateShareLinkResponse,
    ListShareLinksRequest,
    ListShareLinksResponse,
    RevokeShareLinkRequest,
    RevokeShareLinkResponse,
    ShareLink,
    ShareLinkState,
)
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.client import TIMEOUT_S, connect, token_source
from services.cli.command import CommandError, ProjectName, duration_s, invocation_of, run, spoken_duration
from services.cli.instance_lock import find_running
from services.runtime.identity.tokens import Scope
from services.runtime.settings import local_address
from services.runtime.settings.loader import Settings

MAX_PAGE_SIZE = 500  # the contract's
_WIDTH = 150
"""Width of a table that goes to a file or a pipe, which have no width of their own."""

M = TypeVar("M", bound=betterproto.Message)

share = typer.Typer(name="share", help="Expiring share links: create, list and revoke them.", no_args_is_help=True)

ShareAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="ShareService, host:port or unix:path, or the sidecar's URL. Default: the one that `afterimage up` of "
        "this data directory started, else share.host and share.port of the settings.",
        metavar="HOST:PORT|URL",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON with the contract's names.")]


class Calls(Protocol):
    """The three calls, over either transport."""

    async def create_share_link(self, create_share_link_request: CreateShareLinkRequest) -> CreateShareLinkResponse:
        """Creates a link."""
        ...

    async def list_share_links(self, list_share_links_request: ListShareLinksRequest) -> ListShareLinksResponse:
        """Lists links."""
        ...

    async def revoke_share_link(self, revoke_share_link_request: RevokeShareLinkRequest) -> RevokeShareLinkResponse:
        """Ends a link."""
        ...


@share.command()
def create(
    context: typer.Context,
    session: Annotated[str, typer.Argument(help="The session's id.")],
    *,
    ttl: Annotated[str, typer.Option(help="Lifetime of the link, such as 1h or 7d.")],
    max_views: Annotated[int | None, typer.Option(help="Maximum number of views. Default: unlimited.")] = None,
    passcode: Annotated[
        bool,
        typer.Option(
            "--passcode",
            help="Visitors must enter a passcode of 6 characters or more; prompted for, or read from a pipe.",
        ),
    ] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Offset at which the shared part starts, moved to the next full snapshot."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Offset at which the shared part ends.")] = None,
    label: Annotated[str, typer.Option(help="Note for the managers of links; shown in downloaded files.")] = "",
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Visitors may download the part, as MP4 or HTML.")
    ] = False,
    as_json: AsJson = False,
    project: ProjectName = None,
    address: ShareAddress = None,
) -> None:
    """Creates a link and prints its address, which is shown only once."""

    async def main() -> None:
        request = CreateShareLinkRequest(
            session_id=session,
            ttl=timedelta(seconds=duration_s(ttl)),
            max_views=max_views,
            label=label,
            allow_download=allow_download,
        )
        if start is not None:
            request.start_offset = timedelta(seconds=duration_s(start))
        if end is not None:
            request.end_offset = timedelta(seconds=duration_s(end))
        if passcode:
            request.passcode = _read_passcode()
        settings = invocation_of(context).settings()
        scopes = [Scope.SHARE, Scope.EXPORT] if allow_download else [Scope.SHARE]
        async with _calls(settings, address, project, scopes) as calls:
            made = await calls.create_share_link(request)
        if as_json:
            sys.stdout.write(made.to_json() + "\n")
        else:
            sys.stdout.write(f"{made.url}\n")
            sys.stderr.write(f"link {made.share_link.share_link_id}, until {_moment(made.share_link)}{_moved(made)}\n")

    run(main())


@share.command("list")
def list_links(
    context: typer.Context,
    *,
    session: Annotated[str, typer.Option(help="Only links to this session.")] = "",
    created_by: Annotated[str, typer.Option(help="Only links created by this subject.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of links.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, with the contract's names.")] = (
        False
    ),
    project: ProjectName = None,
    address: ShareAddress = None,
) -> None:
    """Lists links, the newest first; never their tokens."""

    async def main() -> None:
        settings = invocation_of(context).settings()
        found: list[ShareLink] = []
        token = ""
        async with _calls(settings, address, project) as calls:
            while len(found) < limit:
                size = min(limit - len(found), MAX_PAGE_SIZE)
                request = ListShareLinksRequest(
                    page_size=size, page_token=token, session_id=session, created_by=created_by
                )
                page = await calls.list_share_links(request)
                found += page.share_links
                token = page.next_page_token
                if not token:
                    break
        if as_json:
            for link in found:
                sys.stdout.write(link.to_json() + "\n")
        else:
            _print_table(found)

    run(main())


@share.command()
def revoke(
    context: typer.Context,
    link: Annotated[str, typer.Argument(help="The link's id (not its token), as `share list` shows it.")],
    *,
    project: ProjectName = None,
    address: ShareAddress = None,
) -> None:
    """Ends a link and its open streams."""

    async def main() -> None:
        settings = invocation_of(context).settings()
        async with _calls(settings, address, project) as calls:
            await calls.revoke_share_link(RevokeShareLinkRequest(share_link_id=link))
        sys.stderr.write(f"link {link} has ended\n")

    run(main())


@asynccontextmanager
async def _calls(
    settings: Settings, address: str | None, project: str | None, scopes: Sequence[Scope] = (Scope.SHARE,)
) -> AsyncIterator[Calls]:
    """Yields the calls: over gRPC, or as Connect where the address is a URL."""
    if address is None:
        running = find_running(settings.data_dir)
        address = (
            running.share
            if running is not None and running.share
            else local_address(settings.share.host, settings.share.port)
        )
    if address.startswith(("http://", "https://")):
        token = token_source(settings, scopes, project)
        async with aiohttp.ClientSession() as session:
            yield ConnectCalls(session, address.rstrip("/"), token)
        return
    async with connect(settings, scopes, address=address, project=project) as client:
        stub = client.share
        stub.timeout = TIMEOUT_S
        yield stub


class ConnectCalls:
    """The calls over the Connect protocol: a POST to the method's name at the sidecar.

    Args:
        session: The HTTP client.
        url: URL of the sidecar.
        token: Source of tokens.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, token: Callable[[], str]) -> None:
        self._session = session
        self._url = url
        self._token = token

    async def create_share_link(self, create_share_link_request: CreateShareLinkRequest) -> CreateShareLinkResponse:
        """Creates a link."""
        return await self._post("CreateShareLink", create_share_link_request, CreateShareLinkResponse())

    async def list_share_links(self, list_share_links_request: ListShareLinksRequest) -> ListShareLinksResponse:
        """Lists links."""
        return await self._post("ListShareLinks", list_share_links_request, ListShareLinksResponse())

    async def revoke_share_link(self, revoke_share_link_request: RevokeShareLinkRequest) -> RevokeShareLinkResponse:
        """Ends a link."""
        return await self._post("RevokeShareLink", revoke_share_link_request, RevokeShareLinkResponse())

    async def _post(self, method: str, request: betterproto.Message, answer: M) -> M:
        url = f"{self._url}/afterimage.share.v1.ShareService/{method}"
        headers = {"authorization": f"Bearer {self._token()}", "content-type": "application/proto"}
        try:
            async with self._session.post(
                url, data=bytes(request), headers=headers, timeout=aiohttp.ClientTimeout(TIMEOUT_S)
            ) as response:
                body = await response.read()
        except TimeoutError as error:
            raise CommandError(f"{self._url} did not answer in time") from error
        except aiohttp.ClientError as error:
            raise CommandError(f"cannot reach the sidecar at {self._url}: {error}") from error
        if response.status != 200:
            raise CommandError(_told(response.status, body, self._url))
        return answer.parse(body)


def _told(status: int, body: bytes, url: str) -> str:
    """Returns the text of a Connect error; for any other body, the HTTP status."""
    try:
        error = json.loads(body)
        return f"{str(error['code']).upper()}: {error.get('message', 'no message')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{url} answered with HTTP status {status}: is it a sidecar of Afterimage?"


def _read_passcode() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    passcode = getpass.getpass("passcode: ")
    if getpass.getpass("again: ") != passcode:
        raise CommandError("the two passcodes differ")
    return passcode


def _moved(made: CreateShareLinkResponse) -> str:
    """Returns the place to which the server moved the link's start; "": it is where it was wanted."""
    link = made.share_link
    start, wanted = link.start_offset.total_seconds(), link.requested_start_offset.total_seconds()
    if start == wanted:
        return ""
    return f", visible from {start:g} s, the first full snapshot after {wanted:g} s"


def _moment(link: ShareLink) -> str:
    return f"{link.expire_time.astimezone():%Y-%m-%d %H:%M:%S}"


def _print_table(found: Sequence[ShareLink]) -> None:
    if not found:
        sys.stdout.write("no links\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("link", "session", "until"):
        table.add_column(name, no_wrap=True)
    table.add_column("views", justify="right", no_wrap=True)
    for name in ("passcode", "part", "made by"):
        table.add_column(name, no_wrap=True)
    table.add_column("label", overflow="ellipsis", no_wrap=True)
    for link in found:
        views = f"{link.view_count:,}" if link.max_views is None else f"{link.view_count:,} of {link.max_views:,}"
        table.add_row(
            link.share_link_id,
            link.session_id,
            _moment(link),
            views,
            _passcode(link),
            _part(link),
            Text(link.created_by),
            Text(link.label),
        )
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal or console.width < _WIDTH:
        console = Console(file=sys.stdout, highlight=False, width=_WIDTH, soft_wrap=True)
    console.print(table)


def _passcode(link: ShareLink) -> str:
    """Returns whether the link has a passcode, with the number of wrong ones that were entered."""
    if not link.passcode_required:
        return "no"
    wrong = f", {link.wrong_passcode_count:,} wrong" if link.wrong_passcode_count else ""
    return f"{'locked' if link.state == ShareLinkState.LOCKED else 'yes'}{wrong}"


def _part(link: ShareLink) -> str:
    """Returns the link's part of the session; an end of 0, which no link can have, means no end."""
    start, end = link.start_offset.total_seconds(), link.end_offset.total_seconds()
    if not (start or end):
        return "all"
    return f"{spoken_duration(start)} to {spoken_duration(end) if end else 'the end'}"
