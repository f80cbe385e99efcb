"""`afterimage revoke`: ends tokens before they expire, and the streams that they opened."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import jwt
import typer

from services.cli.command import CommandError, complain, invocation_of, run, spoken_duration
from services.cli.local import with_running_redis
from services.runtime import redis_client
from services.runtime.errors import Unavailable
from services.runtime.identity.revoked import revoke_subject, revoke_token
from services.runtime.identity.tokens import content_id
from services.runtime.settings.loader import Settings


def revoke(
    context: typer.Context,
    token: Annotated[
        str, typer.Argument(help='The token to revoke; "-": read from standard input, so that no shell keeps it.')
    ] = "",
    *,
    jti: Annotated[str, typer.Option("--jti", help="Revoke the token with this id (`jti`).")] = "",
    subject: Annotated[
        str, typer.Option(help="Revoke all tokens of this subject that were issued until now; later ones are valid.")
    ] = "",
) -> None:
    """Revokes a token, or all tokens of a subject, in all services; their open streams end.

    Needs the installation's Redis. Share links are ended by `afterimage share revoke`.
    """

    async def main() -> None:
        if sum(map(bool, (token, jti, subject))) != 1:
            raise CommandError("name one of: a token, --jti, --subject")
        settings = with_running_redis(invocation_of(context).settings())
        client = redis_client.connect(settings)
        if client is None:
            raise CommandError(
                "no redis.url is set, where revoked tokens are listed: set it, or run this where `afterimage up` runs"
            )
        try:
            now = time.time()
            if subject:
                await revoke_subject(client, settings, subject, now)
                complain(f"the tokens of {subject} issued until now are revoked")
                return
            token_id, expires_at = (jti, None) if jti else _read(token, settings, now)
            await revoke_token(client, settings, token_id, expires_at, now)
            left = "" if expires_at is None else f", which had {spoken_duration(expires_at - now)} left"
            complain(f"the token {token_id} is revoked{left}")
        except Unavailable as error:
            raise CommandError(f"nothing is revoked: {error.message}") from error
        finally:
            await client.aclose()

    run(main())


def _read(given: str, settings: Settings, now: float) -> tuple[str, float | None]:
    """Returns id and expiry of a token, which need not be valid here: a stranger's signature changes nothing."""
    token = sys.stdin.readline().strip() if given == "-" else given.strip()
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise CommandError("this is not a token: give all of it, three parts with dots, or --jti") from None
    expires_at = claims.get("exp")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise CommandError("this token does not expire (no `exp`), so it is not accepted anyway")
    if expires_at + settings.auth.leeway_s <= now:
        raise CommandError("this token has expired, nothing accepts it any more")
    token_id = claims.get("jti")
    return (token_id if isinstance(token_id, str) and token_id else content_id(token)), float(expires_at)
