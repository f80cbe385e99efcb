"""POST /token: a publishable project key becomes a short-lived token that can record and do nothing else.

The key is in the page for all to see; what keeps other pages out is the Origin, which a browser sets and no script can.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from aiohttp import web

from services.runtime.errors import AfterimageError, InvalidArgument, Unauthenticated, Unimplemented
from services.runtime.identity.tokens import Scope
from sidecar.gate.gate import Quota
from sidecar.wire.body import Body
from sidecar.wire.frames import json_bytes
from sidecar.wire.http_errors import error_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.identity.tokens import TokenMinter
    from services.runtime.settings import Project, Settings
    from sidecar.gate.gate import Door
    from sidecar.gate.origins import Origins

PATH = "/token"

_MAX_BYTES = 1024


class TokenExchange:
    """Handles POST /token.

    Args:
        settings: Projects, their keys and origins, and how long tokens hold.
        door: Counts attempts and refusals.
        origins: Decides on pages.
        minter: Signs; None: there is no secret to sign with.
        new_subject: Names a visitor, so that limits by subject are limits by visitor.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        door: Door,
        origins: Origins,
        minter: TokenMinter | None,
        new_subject: Callable[[], str] = lambda: f"visitor:{secrets.token_hex(8)}",
    ) -> None:
        self._ttl_s = settings.sidecar.record_token_ttl_s
        self._timeout_s = settings.sidecar.body_timeout_s
        self._projects = {key: project for project in settings.projects for key in project.keys}
        self._door = door
        self._origins = origins
        self._minter = minter
        self._new_subject = new_subject
        self._quota = Quota("token", settings.sidecar.tokens_per_minute_per_address)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers {"token", "project", "expiresInSeconds"} for {"key"}."""
        try:
            await self._door.knock(request, self._quota)
            body = await Body(request, max_bytes=_MAX_BYTES, timeout_s=self._timeout_s).rest()
            project = self._project(body)
            self._origins.check_recording(request, project.id, required=True)
            if self._minter is None:
                raise Unimplemented("this installation has no secret to sign tokens with", reason="NO_SECRET")
            token = self._minter.mint(self._new_subject(), project.id, [Scope.RECORD], self._ttl_s)
        except AfterimageError as error:
            self._door.refused(PATH, error)
            return error_response(error)
        answer = {"token": token, "project": project.id, "expiresInSeconds": self._ttl_s}
        return web.Response(
            body=json_bytes(answer), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    def _project(self, body: bytes) -> Project:
        try:
            # The content type does not matter: as text/plain, a page asks without a preflight.
            key = json.loads(body)["key"]
        except (ValueError, TypeError, KeyError, RecursionError):
            key = None
        if not isinstance(key, str):
            raise InvalidArgument.of("body", 'must be {"key": "<publishable key>"}', reason="MESSAGE_MALFORMED")
        project = self._projects.get(key)
        if project is None:
            raise Unauthenticated("there is no project with this key", reason="KEY_UNKNOWN")
        return project
