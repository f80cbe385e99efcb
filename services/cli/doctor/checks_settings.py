"""Checks of settings, keys, origins and tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from services.cli.client import token_source
from services.cli.command import spoken_duration
from services.cli.doctor.examination import Examination, Finding, note, ok, problem
from services.cli.local import with_running_redis
from services.runtime import redis_client
from services.runtime.errors import AfterimageError, PermissionDenied, Unavailable
from services.runtime.identity.jwks import KeysUnavailable, fetch_keys
from services.runtime.identity.revoked import RevokedTokens
from services.runtime.identity.tokens import Scope, TokenVerifier
from services.runtime.settings import Project, Settings
from services.runtime.settings.risks import machine_risks, risks_of


async def check_settings(about: Examination, /) -> list[Finding]:
    """Summarises the settings, which have been validated before."""
    settings = about.settings
    names = ", ".join(project.id for project in settings.projects)
    engine = "ClickHouse server" if settings.clickhouse.engine == "server" else f"chDB in {settings.chdb_path}"
    return [ok("settings", f"environment {settings.environment}, projects {names}, {engine}")]


async def check_risks(about: Examination, /) -> list[Finding]:
    """Reports dangerous settings, and a data directory that other users may read."""
    settings = about.settings
    found = []
    for risk in (*risks_of(settings), *machine_risks(settings)):
        text = f"{risk.setting}: {risk.text}"
        if risk.name in settings.accepted_risks:
            found.append(note("risk", f"{text} (accepted_risks has {risk.name})", risk.fix))
        elif settings.is_development and risk.name != "readable-data":
            found.append(
                note(
                    "risk",
                    text,
                    f"{risk.fix}; it is {'refused' if risk.is_refused else 'a problem'} outside development",
                )
            )
        else:
            found.append(problem("risk", text, risk.fix))
    return found or [ok("risks", "no dangerous setting; the data directory is for its own user only")]


async def check_identity_provider(about: Examination, /) -> list[Finding]:
    """Reports whether the keys of the identity provider can be fetched."""
    url = about.settings.auth.jwks_url
    if url is None:
        return []
    try:
        keys = await fetch_keys(url)
    except KeysUnavailable as error:
        advice = "new sign-ins fail with JWKS_UNAVAILABLE; known keys stay valid for auth.jwks_max_stale_s"
        return [problem("jwks", f"{url}: {error}", advice)]
    if not keys:
        return [problem("jwks", f"{url} has no key for signatures with a `kid`", "is it the provider's `jwks_uri`?")]
    return [ok("jwks", f"{url} has {len(keys)} keys")]


async def check_key(about: Examination, /) -> list[Finding]:
    """Reports the project of a publishable key; without a key, the projects that have one."""
    projects = about.settings.projects
    if about.key:
        owner = _owner(about.settings, about.key)
        if owner is None:
            return [
                problem(
                    "key", f"{about.key} belongs to no project", "give it to one: keys in [[projects]], and restart"
                )
            ]
        return [ok("key", f"{about.key} records into project {owner.id}")]
    without = [project.id for project in projects if not project.keys]
    if len(without) == len(projects):
        return [
            problem(
                "key",
                "no project has a publishable key, so no web page can get a record token",
                "add keys to [[projects]], or issue tokens with the scope record yourself",
            )
        ]
    text = ", ".join(f"{project.id}: {' '.join(project.keys)}" for project in projects if project.keys)
    return [ok("key", text + (f"; none for {', '.join(without)}" if without else ""))]


async def check_origin(about: Examination, /) -> list[Finding]:
    """Reports whether pages of an origin may record; without an origin, whether any may."""
    chosen = _chosen(about)
    if not about.origin:
        closed = [project.id for project in chosen if not project.origins]
        if closed:
            text = f"no web origin may record into {', '.join(closed)}"
            return [problem("origin", text, "add the site's origin to origins in [[projects]], and restart")]
        return [ok("origin", "; ".join(f"{project.id}: {' '.join(project.origins)}" for project in chosen))]
    allowed = [project.id for project in chosen if _may_record(about, project)]
    if allowed:
        return [ok("origin", f"pages of {about.origin} may record into {', '.join(allowed)}")]
    split = urlsplit(about.origin)
    if split.path or not split.netloc:
        return [
            problem(
                "origin", f"{about.origin} is not an origin", "write scheme, host and port only: https://shop.example"
            )
        ]
    names = ", ".join(project.id for project in chosen)
    text = f"pages of {about.origin} may not record into {names}"
    return [
        problem("origin", text, "add it to origins in [[projects]] (scheme, host and port must match), and restart")
    ]


async def check_token(about: Examination, /) -> list[Finding]:
    """Reports the scopes and the expiry of a token."""
    token = about.token or token_source(about.settings, [Scope.VIEW], about.project)()
    try:
        async with _list_of_revoked(about.settings) as revoked:
            verifier = TokenVerifier(about.settings, revoked=revoked)
            identity = await verifier.verify(token)
    except AfterimageError as error:
        advice = {
            "TOKEN_EXPIRED": "get a new one; if it should still be valid, compare the clocks",
            "TOKEN_REVOKED": "get a new one; `afterimage revoke` has ended this one",
            "TOKEN_LIFE_TOO_LONG": "have the issuer make shorter ones, or raise auth.max_token_life_s",
            "PROJECT_UNKNOWN": "add that project to [[projects]], or get a token for a configured one",
        }.get(error.reason, "get one signed with this installation's secret or key set: `afterimage token`")
        return [problem("token", error.message, advice)]
    scopes = ", ".join(sorted(identity.scopes)) or "nothing"
    left = spoken_duration(verifier.remaining_s(identity))
    whose = "the given token" if about.token else "a token minted here"
    text = f"{whose} holds: subject {identity.subject}, project {identity.project}, allows {scopes}, for {left}"
    if about.token and not identity.scopes & {Scope.RECORD, Scope.ADMIN}:
        return [problem("token", f"{text}: it cannot record", "recorders need the scope record")]
    return [ok("token", text)]


@asynccontextmanager
async def _list_of_revoked(settings: Settings) -> AsyncIterator[RevokedTokens | None]:
    """Yields the list of revoked tokens; None without Redis, or while it does not answer (`share links` reports it)."""
    settings = with_running_redis(settings)
    client = redis_client.connect(settings)
    if client is None:
        yield None
        return
    try:
        revoked = RevokedTokens(client, settings)
        try:
            await revoked.read()
        except Unavailable:
            yield None
        else:
            yield revoked
    finally:
        await client.aclose()


def _may_record(about: Examination, project: Project) -> bool:
    from sidecar.gate.origins import Origins  # the code that decides, so that doctor never contradicts it

    page: Any = SimpleNamespace(headers={"Origin": about.origin})  # the only part of a request that it reads
    try:
        Origins(about.settings).check_recording(page, project.id)
    except PermissionDenied:
        return False
    return True


def _owner(settings: Settings, key: str) -> Project | None:
    return next((project for project in settings.projects if key in project.keys), None)


def _chosen(about: Examination) -> list[Project]:
    owner = _owner(about.settings, about.key) if about.key else None
    if owner is not None:
        return [owner]
    return [project for project in about.settings.projects if about.project in (None, project.id)]
