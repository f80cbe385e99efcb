"""POST /token: exchanges a publishable project key for a short-lived token with the scope `record` only.

The key is public, in the source of the page. Other pages are kept out by the Origin, which browsers set and scripts
cannot change.
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
    from sidecar.gate.gate import Gate
    from sidecar.gate.origins import Origins

PATH = "/token"

_MAX_BYTES = 1024


class TokenExchange:
    """Handles POST /token.

    Args:
        settings: Projects with their keys and origins, and the lifetime of tokens.
        door: Counts attempts and refusals.
        origins: Checks the origins of pages.
        minter: Signs tokens; None without a signing secret.
        new_subject: Generates a subject per visitor, which makes limits per subject apply per visitor.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        door: Gate,
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
        """Returns {"token", "project", "expiresInSeconds"} for {"key"}."""
        try:
            await self._door.knock(request, self._quota)
            body = await Body(request, max_bytes=_MAX_BYTES, timeout_s=self._timeout_s).rest()
            project = self._project(body)
            self._origins.check_recording(request, project.id, required=True)
            if self._minter is None:
                raise Unimplemented("this installation has no signing secret for tokens", reason="NO_SECRET")
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
            # Any content type is accepted: requests with text/plain need no preflight.
            key = json.loads(body)["key"]
        except (ValueError, TypeError, KeyError, RecursionError):
            key = None
        if not isinstance(key, str):
            raise InvalidArgument.of("body", 'must be {"key": "<publishable key>"}', reason="MESSAGE_MALFORMED")
        project = self._projects.get(key)
        if project is None:
            raise Unauthenticated("no project has this key", reason="KEY_UNKNOWN")
        return project
