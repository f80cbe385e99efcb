"""`afterimage restore`: loads a backup into an empty installation."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from services.cli.backup.copy_directory import full_disks, private_files, verify
from services.cli.backup.database_access import floor_bytes, open_database
from services.cli.backup.manifest import LINKS, SECRET, CopiedFile, Manifest, read_manifest
from services.cli.backup.progress import Progress, progress_on
from services.cli.backup.redis_access import connected, started
from services.cli.backup.share_links import RESTORING, RESTORING_TTL_S, SavedKey, has_links, write_links
from services.cli.command import CommandError, complain, invocation_of, run, spoken_size
from services.cli.instance_lock import chdb_holder, the_only_one
from services.runtime.link_keys import LinkKeys
from services.runtime.settings.loader import Settings

if TYPE_CHECKING:
    from uuid import UUID

    import redis.asyncio

    from services.audit.storage.engine.engine import Engine

GROWTH = 2
"""Space that a database needs for the rows of a backup, as a multiple of the size of its files: merges write a new part
before they remove the old ones."""

_STAGE = ".restoring"


def restore(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A backup, made by `afterimage backup`.")],
    *,
    deletions: Annotated[
        list[Path] | None,
        typer.Option(
            "--deletions", metavar="DIR", help="Newer backup; its deletions are applied too. May be repeated."
        ),
    ] = None,
    without_links: Annotated[bool, typer.Option("--without-links", help="Leave out the share links.")] = False,
) -> None:
    """Loads a backup into an installation that is stopped and empty, with either engine.

    The whole backup is verified first. Sessions that its deletions name are deleted again.
    """

    async def main() -> None:
        settings = invocation_of(context).settings()
        with progress_on(sys.stderr) as progress, full_disks(directory):
            copy = _Copy.verified(directory)
            newer = [_Copy.verified(one) for one in deletions or []]
            with the_only_one(settings.data_dir):
                line = await _Restore(settings, copy, newer, progress).run(with_links=not without_links)
            sys.stdout.write(f"{line}\n")

    with private_files():
        run(main())


class _Copy(msgspec.Struct, frozen=True):
    """A verified backup.

    Attributes:
        path: Its directory.
        manifest: Its manifest.
        size_bytes: Size of its files.
    """

    path: Path
    manifest: Manifest
    size_bytes: int

    @classmethod
    def verified(cls, directory: Path) -> _Copy:
        """Verifies a backup.

        Raises:
            CommandError: It is damaged or incomplete, or was written by a newer version.
        """
        from services.audit.storage.schema.migrations import MIGRATIONS

        size = verify(directory)
        manifest = read_manifest(directory, MIGRATIONS[-1].number)
        for file in manifest.files:
            if file.table not in manifest.tables or not (directory / file.path).is_file():
                raise CommandError(f"{directory} is not complete: its manifest names {file.path}")
        return cls(directory, manifest, size)


class _Loaded(NamedTuple):
    """A database with all rows of a backup.

    Attributes:
        deleted: Project and id of the deleted sessions.
        finish: Puts it into service.
    """

    deleted: set[tuple[str, UUID]]
    finish: Callable[[], Awaitable[None]]


class _Restore:
    """A restore of one backup into one installation."""

    def __init__(self, settings: Settings, copy: _Copy, newer: Sequence[_Copy], progress: Progress) -> None:
        self._settings = settings
        self._copy = copy
        self._newer = newer
        self._progress = progress

    async def run(self, *, with_links: bool) -> str:
        """Loads the backup; returns a summary in one line.

        Raises:
            CommandError: The installation is not empty, or something cannot be written.
        """
        manifest = self._copy.manifest
        with_links = with_links and manifest.share_links is not None
        if with_links and manifest.environment != self._settings.environment:
            raise CommandError(
                f"the backup is of the environment {manifest.environment!r}, this one is "
                f"{self._settings.environment!r}: leave out its share links with --without-links"
            )
        if with_links:  # now, not after the rows
            async with self._redis() as client:
                await self._require_no_links(client)
        embedded = self._settings.clickhouse.engine == "chdb"
        links = 0
        async with self._embedded() if embedded else self._server() as database:
            if with_links:
                async with self._redis() as client:
                    links = await self._write_links(client, database.deleted)
                    await database.finish()
                    await client.delete(self._mark)
            else:
                await database.finish()
        self._restore_secret()
        self._tell_projects()
        counts = [f"{table.rows:,} {name}" for name, table in manifest.tables.items()]
        return f"restored {', '.join(counts)}, {links:,} keys of share links, as of {manifest.began}"

    @asynccontextmanager
    async def _embedded(self) -> AsyncIterator[_Loaded]:
        """Loads the rows into a new directory, which `finish` puts in its place."""
        place = self._settings.chdb_path
        stage = place.with_name(f"{place.name}{_STAGE}")
        if holder := chdb_holder(place):
            raise CommandError(f"{place} is open in {holder}: stop it first")
        if place.is_dir() and any(place.iterdir()):
            await self._require_empty(self._settings)
        shutil.rmtree(stage, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        needed = GROWTH * self._copy.size_bytes + floor_bytes(self._settings, place.parent)
        self._require_space(shutil.disk_usage(place.parent).free, needed, str(place.parent))
        group = self._settings.clickhouse.model_copy(update={"path": stage})
        try:
            async with open_database(self._settings.model_copy(update={"clickhouse": group})) as engine:
                deleted = await self._load(engine)

            async def finish() -> None:
                os.sync()
                shutil.rmtree(place, ignore_errors=True)  # it has no rows
                stage.rename(place)
                os.sync()

            yield _Loaded(deleted, finish)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[_Loaded]:
        """Loads the rows into the server's database, which is marked as incomplete until `finish`."""
        from services.audit.app import dialect_for
        from services.audit.storage.backup.loading import begin_restore, end_restore

        await self._require_empty(self._settings)
        async with open_database(self._settings) as engine:
            dialect = dialect_for(self._settings, engine.version)
            if (usage := await engine.disk_usage()) is not None:
                self._require_space(usage.free_bytes, GROWTH * self._copy.size_bytes, engine.name)
            await begin_restore(engine, dialect, self._copy.manifest.copy_id)
            yield _Loaded(await self._load(engine), lambda: end_restore(engine, dialect))

    async def _require_empty(self, settings: Settings) -> None:
        from services.audit.storage.backup.loading import is_empty, unfinished_restore

        async with open_database(settings) as engine:
            if await unfinished_restore(engine) != self._copy.manifest.copy_id and not await is_empty(engine):
                raise CommandError(
                    f"{engine.name} has recordings already: a backup is restored into an empty installation"
                )

    async def _load(self, engine: Engine) -> set[tuple[str, UUID]]:
        from services.audit.app import dialect_for, now_ms
        from services.audit.storage.backup.block_file import DamagedFile
        from services.audit.storage.backup.loading import delete_again
        from services.audit.storage.recording_store import RecordingStore
        from services.audit.storage.retention import Retention
        from services.audit.storage.schema.migrations import migrate

        dialect = dialect_for(self._settings, engine.version)
        self._progress.expect(self._copy.size_bytes)
        try:
            await migrate(engine, dialect, through=self._copy.manifest.schema)
            await self._load_files(engine, self._copy, self._copy.manifest.files)
            await migrate(engine, dialect)
            for copy in self._newer:
                of_deletions = [file for file in copy.manifest.files if file.table == "deletions"]
                await self._load_files(engine, copy, of_deletions)
        except DamagedFile as error:
            raise CommandError(str(error)) from error
        retention = Retention(dialect.retention_days, now_ms)
        return await delete_again(RecordingStore(engine, dialect, retention, now_ms), engine)

    async def _load_files(self, engine: Engine, copy: _Copy, files: Sequence[CopiedFile]) -> None:
        from services.audit.storage.backup.loading import load_file
        from services.audit.storage.engine.engine import Table

        for file in files:
            table = Table(file.table, copy.manifest.tables[file.table].columns)
            loaded = 0

            def add(rows: int) -> None:
                nonlocal loaded
                loaded += rows

            path = copy.path / file.path
            await load_file(engine, table, path, add)
            if loaded != file.rows:
                raise CommandError(f"{path} is damaged: it has {loaded} rows, and the manifest names {file.rows}")
            self._progress.advance(path.stat().st_size)
            self._progress.tell(f"{file.path}: {file.rows:,} rows, {spoken_size(path.stat().st_size)}")

    @asynccontextmanager
    async def _redis(self) -> AsyncIterator[redis.asyncio.Redis]:
        """Yields the Redis of the settings, or one on the files of `afterimage up`, which does not run."""
        url = self._settings.redis.url
        async with (
            connected(self._settings, url) if url else started(self._settings, self._settings.data_dir / "redis")
        ) as client:
            yield client

    @property
    def _mark(self) -> str:
        return f"{LinkKeys(self._settings).prefix}{RESTORING}"

    async def _require_no_links(self, client: redis.asyncio.Redis) -> None:
        is_same_restore = await client.get(self._mark) == self._copy.manifest.copy_id.encode()
        if not is_same_restore and await has_links(client, LinkKeys(self._settings)):
            raise CommandError(
                "Redis has share links already, newer than those of the backup: keep them with --without-links"
            )

    async def _write_links(self, client: redis.asyncio.Redis, deleted: Container[tuple[str, UUID]]) -> int:
        from services.audit.storage.backup.block_file import read_blocks

        await self._require_no_links(client)
        await client.set(self._mark, self._copy.manifest.copy_id, ex=RESTORING_TTL_S)
        count = 0
        for block in read_blocks(self._copy.path / LINKS):
            saved = msgspec.msgpack.decode(block.data, type=list[SavedKey])
            count += await write_links(client, LinkKeys(self._settings), saved, deleted)
        return count

    def _require_space(self, free_bytes: int, needed_bytes: int, place: str) -> None:
        if free_bytes < needed_bytes:
            raise CommandError(
                f"{place} has {spoken_size(free_bytes)} free, and the restore needs {spoken_size(needed_bytes)}"
            )

    def _restore_secret(self) -> None:
        """Puts the signing secret of the backup where `afterimage up` of a development installation keeps it."""
        if not self._copy.manifest.has_secret:
            return
        place = self._settings.data_dir / SECRET
        if self._settings.auth.secret is None and self._settings.is_development and not place.exists():
            shutil.copyfile(self._copy.path / SECRET, place)
        elif self._settings.auth.secret is None or (
            self._settings.auth.secret.get_secret_value().encode() != (self._copy.path / SECRET).read_bytes().strip()
        ):
            complain(f"the signing secret of the backup is not in use here: see {self._copy.path / SECRET}")

    def _tell_projects(self) -> None:
        known = {project.id for project in self._settings.projects}
        if missing := [project for project in self._copy.manifest.projects if project not in known]:
            complain(f"the settings lack projects of the backup: {', '.join(missing)}")
