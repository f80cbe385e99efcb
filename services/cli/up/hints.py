"""Addresses to open and lines to type, to look at what is stored; each works as it stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from services.cli.client import local_subject
from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.settings.loader import Settings, SettingsError

TOKEN_TTL_S = 12 * 3_600.0
_SERVICE = "afterimage.audit.v1.AuditService"
_REQUEST = '{"page_size": 3}'
_BUF_OF_THE_REPOSITORY = Path("gen/ts/node_modules/.bin/buf")


def look_around(settings: Settings, address: str, project: str) -> str:
    """Returns how to look: with buf curl, with grpcurl, and with this command.

    Args:
        settings: For the secret and the certificates.
        address: AuditService, host:port.
        project: What the token in the lines opens. It may view, for `TOKEN_TTL_S`.
    """
    token = TokenMinter(settings).mint(local_subject(), project, [Scope.VIEW], TOKEN_TTL_S)
    tls = settings.tls
    is_plain = tls.cert_file is None and tls.ca_file is None
    trusted = [] if tls.ca_file is None else [str(tls.ca_file.absolute())]
    header = '"authorization: Bearer $TOKEN"'  # double quotes: the shell fills the variable in
    buf = [_buf(), "curl", "--protocol", "grpc"]
    grpcurl = ["grpcurl"]
    if is_plain:
        buf.append("--http2-prior-knowledge")
        grpcurl.append("-plaintext")
    for path in trusted:
        buf += ["--cacert", path]
        grpcurl += ["-cacert", path]
    url = f"{'http' if is_plain else 'https'}://{address}/{_SERVICE}/ListSessions"
    own = own_name()
    return f"""
How to look (the schema comes from the server, through reflection):

  export TOKEN={token}
  {shlex.join(buf)} --header {header} --data {shlex.quote(_REQUEST)} {url}
  {shlex.join(grpcurl)} -H {header} -d {shlex.quote(_REQUEST)} {address} {_SERVICE}/ListSessions

  {own} sessions
  {own} export SESSION -o session.json
  {own} doctor
"""


def way_in(settings: Settings, sidecar: str) -> str:
    """Returns what to open in a browser: the console and, where it is served, the demo shop.

    In development the console's address carries a token, behind a # that browsers send to no server, and the console
    takes it out of the address: it signs in for `TOKEN_TTL_S` to the first project. Elsewhere people bring their own.

    Args:
        settings: For the secret and the project.
        sidecar: URL of the sidecar.
    """
    sign_in, what = f"{sidecar}/", "the console; sign in with a token (JWT) of your identity provider"
    if settings.is_development:
        try:
            scopes = [Scope.VIEW, Scope.SHARE, Scope.ADMIN]
            token = TokenMinter(settings).mint(local_subject(), settings.projects[0].id, scopes, TOKEN_TTL_S)
        except SettingsError:  # tokens come from an identity provider here, too
            pass
        else:
            sign_in, what = f"{sidecar}/signin#token={token}", "the console, signed in for 12 hours"
    lines = ["", "Open in a browser:", "", f"  {sign_in}", f"      {what}"]
    if settings.has_demo:
        lines += [f"  {sidecar}/demo/", "      a shop that records its visitors: watch yourself under Live"]
    return "\n".join([*lines, ""])


def own_name() -> str:
    """Returns how this command is called from here: its name if that is found, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("afterimage")
    if found is not None and called.exists() and Path(found).exists() and Path(found).samefile(called):
        return "afterimage"
    if called.name != "afterimage":
        return "afterimage"
    path = os.path.relpath(called)
    return shlex.quote(str(called.absolute()) if path.startswith("..") else path)


def _buf() -> str:
    if shutil.which("buf"):
        return "buf"
    return str(_BUF_OF_THE_REPOSITORY) if _BUF_OF_THE_REPOSITORY.exists() else "buf"
