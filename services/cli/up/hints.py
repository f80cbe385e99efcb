"""Addresses and commands for a first look at stored sessions; each works as printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from services.cli.local import local_subject
from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.settings.loader import Settings, SettingsError

TOKEN_TTL_S = 12 * 3_600.0
_LIST_SESSIONS = "afterimage.audit.v1.AuditService/ListSessions"
_REQUEST = '{"page_size": 3}'


def look_around(settings: Settings, sidecar: str, project: str, session_id: str, own: str) -> str:
    """Returns commands to type: with this program and, if a sidecar runs, with curl.

    Args:
        settings: For the secret.
        sidecar: URL of the sidecar; "": no sidecar.
        project: Project of the token in the lines, which has the scope view for `TOKEN_TTL_S`.
        session_id: Id of a stored session.
        own: The command to call this program for the same installation, from `own_call`.
    """
    lines = [
        "How to look:",
        "",
        f"  {own} sessions --since 7d",
        f"  {own} export {session_id} -o session.json",
        f"  {own} doctor",
    ]
    if sidecar and (token := _view_token(settings, project)):
        header = '"authorization: Bearer $TOKEN"'  # double quotes: the shell fills the variable in
        lines += [
            "",
            "Over HTTP, as every call of the contract (Connect, JSON):",
            "",
            f"  export TOKEN={token}",
            f"  curl -sS -H {header} -H 'content-type: application/json' -d '{_REQUEST}' {sidecar}/{_LIST_SESSIONS}",
        ]
    return "\n".join(["", *lines, ""])


def _view_token(settings: Settings, project: str) -> str:
    """Returns a token; "": tokens come from an identity provider here."""
    try:
        minter = TokenMinter(settings)
        return minter.mint(local_subject(), project, [Scope.VIEW], min(TOKEN_TTL_S, minter.max_life_s))
    except SettingsError:
        return ""


def way_in(settings: Settings, sidecar: str) -> str:
    """Returns the addresses to open in a browser: the console and, where it is served, the demo shop.

    In development the console's address carries a token, after a # that browsers send to no server, and the console
    removes it from the address: it signs in to the first project for `TOKEN_TTL_S`. Elsewhere users bring their own.

    Args:
        settings: For the secret and the project.
        sidecar: URL of the sidecar.
    """
    sign_in, what = f"{sidecar}/", "the console; sign in with a token (JWT) of your identity provider"
    if settings.is_development:
        try:
            scopes = [Scope.VIEW, Scope.SHARE, Scope.EXPORT, Scope.ADMIN]
            minter = TokenMinter(settings)
            ttl_s = min(TOKEN_TTL_S, minter.max_life_s)
            token = minter.mint(local_subject(), settings.projects[0].id, scopes, ttl_s)
        except SettingsError:  # tokens come from an identity provider here, too
            pass
        else:
            sign_in, what = f"{sidecar}/signin#token={token}", f"the console, signed in for {ttl_s / 3_600:.0f} hours"
    lines = ["", "Open in a browser:", "", f"  {sign_in}", f"      {what}"]
    if settings.has_demo:
        lines += [f"  {sidecar}/demo/", "      a shop that records its visitors: watch yourself under Live"]
    return "\n".join([*lines, ""])


def own_name() -> str:
    """Returns the command to call this program: its name if that is on PATH, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("afterimage")
    if found is not None and called.exists() and Path(found).exists() and Path(found).samefile(called):
        return "afterimage"
    if called.name != "afterimage":
        return "afterimage"
    path = os.path.relpath(called)
    return shlex.quote(str(called.absolute()) if path.startswith("..") else path)


def own_call(config: Path | None) -> str:
    """Returns the command to call this program for the same installation from another terminal."""
    directory = os.environ.get("AFTERIMAGE_DATA_DIR")
    file = config or os.environ.get("AFTERIMAGE_CONFIG")
    return " ".join(
        [
            *([f"AFTERIMAGE_DATA_DIR={shlex.quote(str(Path(directory).absolute()))}"] if directory else []),
            own_name(),
            *(["--config", shlex.quote(str(Path(file).absolute()))] if file else []),
        ]
    )
