"""The manifest of a backup: its origin and its contents."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import msgspec

from services.cli.command import CommandError
from services.runtime.settings.loader import Settings

FILE = "manifest.json"
FORMAT = 1
LINKS = "share_links.rows"
SECRET = "secret"  # noqa: S105 - a file's name


class CopiedTable(msgspec.Struct, frozen=True):
    """A table in a backup.

    Attributes:
        columns: Names and types of its columns, in the order of the files.
        rows: Number of its rows, without those that are in further files in a second form.
    """

    columns: tuple[tuple[str, str], ...]
    rows: int


class CopiedFile(msgspec.Struct, frozen=True):
    """A file of rows.

    Attributes:
        path: Its path in the backup.
        table: Its table.
        rows: Its number of rows.
    """

    path: str
    table: str
    rows: int


class Manifest(msgspec.Struct, frozen=True):
    """Contents of a backup.

    Attributes:
        format: Number of the format of the files.
        version: Version of the program that wrote it.
        schema: Number of the last migration of the database.
        copy_id: Distinguishes backups.
        began: ISO 8601, UTC. Everything acknowledged before is in the backup.
        ended: ISO 8601, UTC.
        environment: The setting `environment`, which prefixes the keys of share links.
        projects: Ids of the projects.
        engine: Engine, version and place of the database.
        database: The setting `clickhouse.database`.
        tables: By name.
        files: In the order in which they were written, in which they are loaded.
        share_links: Number of Redis keys of share links in LINKS; None: they were left out, or there was no Redis.
        has_secret: Whether SECRET holds the signing secret.
    """

    format: int
    version: str
    schema: int
    copy_id: str
    began: str
    ended: str
    environment: str
    projects: tuple[str, ...]
    engine: str
    database: str
    tables: dict[str, CopiedTable]
    files: tuple[CopiedFile, ...]
    share_links: int | None
    has_secret: bool


class _Format(msgspec.Struct):
    format: int
    version: str = "?"
    schema: int = 0


def installation_of(settings: Settings) -> dict[str, object]:
    """Returns the fields of a manifest that name the installation; none is secret."""
    return {
        "format": FORMAT,
        "version": version("afterimage"),
        "environment": settings.environment,
        "projects": tuple(project.id for project in settings.projects),
        "database": settings.clickhouse.database,
    }


def read_manifest(directory: Path, newest_schema: int) -> Manifest:
    """Returns the manifest of a verified backup.

    Args:
        directory: The backup.
        newest_schema: Number of this program's last migration.

    Raises:
        CommandError: It was written by a newer version.
    """
    data = (directory / FILE).read_bytes()
    try:
        header = msgspec.json.decode(data, type=_Format)
        if header.format > FORMAT or header.schema > newest_schema:
            raise CommandError(
                f"{directory} was written by the newer version {header.version}: restore it with that version or a "
                "later one"
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise CommandError(f"{directory / FILE} is not a manifest of a backup: {error}") from error
