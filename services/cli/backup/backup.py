"""`afterimage backup`: copies a running or stopped installation into a new directory."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from services.cli.backup.copy_directory import Draft, full_disks, new_copy, private_files
from services.cli.backup.database_access import floor_bytes, open_source
from services.cli.backup.manifest import FILE, LINKS, SECRET, CopiedFile, CopiedTable, Manifest, installation_of
from services.cli.backup.progress import Progress, progress_on
from services.cli.backup.redis_access import stored_links
from services.cli.backup.share_links import read_links
from services.cli.command import CommandError, invocation_of, run, spoken_size
from services.runtime.identity.signing_secret import signing_secret
from services.runtime.link_keys import LinkKeys
from services.runtime.settings.loader import Settings

if TYPE_CHECKING:
    from services.audit.storage.backup.reads import Read
    from services.audit.storage.backup.source import BackupSource

SPARE_BYTES = 16 << 20
"""Space for everything but the rows."""

SPACE_CHECK_BYTES = 64 << 20


def backup(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New directory; it appears when it is complete.")],
    *,
    with_secret: Annotated[
        bool, typer.Option("--with-secret", help="Include the secret that signs tokens. Keep such a backup apart.")
    ] = False,
    without_links: Annotated[bool, typer.Option("--without-links", help="Leave out the share links.")] = False,
) -> None:
    """Copies recordings, interactions, the access trail, deletions and share links, while recording goes on.

    Everything that was acknowledged before the command began is in the copy. `afterimage restore` loads it, with
    either engine.
    """

    async def main() -> None:
        settings = invocation_of(context).settings()
        with progress_on(sys.stderr) as progress, full_disks(directory), new_copy(directory.absolute()) as draft:
            manifest = await _Backup(settings, draft, progress).write(
                with_links=not without_links, with_secret=with_secret
            )
        sys.stdout.write(f"{directory}: {_summary(manifest, directory)}\n")

    with private_files():
        run(main())


class _Backup:
    """A backup that is being written."""

    def __init__(self, settings: Settings, draft: Draft, progress: Progress) -> None:
        self._settings = settings
        self._draft = draft
        self._progress = progress
        self._files: list[CopiedFile] = []
        self._floor_bytes = 0

    async def write(self, *, with_links: bool, with_secret: bool) -> Manifest:
        """Writes all files but the checksums; returns the manifest.

        Raises:
            CommandError: Something cannot be read, or there is not enough space.
        """
        from services.audit.storage.backup.reads import TABLES

        began = _now()
        async with open_source(self._settings) as source:
            overview = await source.overview()
            _require_schema(overview.schema)
            self._floor_bytes = floor_bytes(self._settings, self._draft.path)
            _require_space(self._draft.path, overview.size_bytes + SPARE_BYTES + self._floor_bytes)
            self._progress.expect(overview.size_bytes)
            await self._copy_rows(source)
        links = await self._copy_links() if with_links else None
        has_secret = with_secret and self._copy_secret()
        rows: Counter[str] = Counter()
        for file in self._files:
            if file.path.startswith(f"{file.table}/"):  # others repeat rows of these
                rows[file.table] += file.rows
        manifest = Manifest(
            **installation_of(self._settings),  # type: ignore[arg-type]
            schema=overview.schema,
            copy_id=secrets.token_hex(8),
            began=began,
            ended=_now(),
            engine=overview.engine,
            tables={table.name: CopiedTable(table.columns, rows[table.name]) for table in TABLES},
            files=tuple(self._files),
            share_links=links,
            has_secret=has_secret,
        )
        self._draft.write(FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        return manifest

    async def _copy_rows(self, source: BackupSource) -> None:
        from services.audit.storage.backup.reads import STAGES

        for number, stage in enumerate(STAGES):
            for day in await source.days(number):
                for read in stage:
                    await self._copy_day(source, read, day)

    async def _copy_day(self, source: BackupSource, read: Read, day: dt.date) -> None:
        from services.audit.storage.backup.block_file import MAGIC, packed

        name = f"{read.name}/{day}.rows"
        blocks = source.blocks(read.name, day)
        try:
            block = await anext(blocks, None)
            if block is None:
                return
            rows = unchecked = 0
            with self._draft.file(name) as file:
                file.write(MAGIC)
                while block is not None:
                    rows += block.row_count
                    before = file.size
                    file.write(packed(block))
                    self._progress.advance(file.size - before)
                    unchecked += file.size - before
                    if unchecked > SPACE_CHECK_BYTES:
                        unchecked = 0
                        _require_space(self._draft.path, self._floor_bytes)
                    block = await anext(blocks, None)
        finally:
            await blocks.aclose()
        self._files.append(CopiedFile(name, read.table.name, rows))
        self._progress.tell(f"{name}: {rows:,} rows, {spoken_size(file.size)}")

    async def _copy_links(self) -> int | None:
        from services.audit.storage.backup.block_file import MAGIC, packed
        from services.audit.storage.engine.engine import Block

        count = 0
        async with stored_links(self._settings) as client:
            if client is None:
                return None
            with self._draft.file(LINKS) as file:
                file.write(MAGIC)
                async for keys in read_links(client, LinkKeys(self._settings)):
                    file.write(packed(Block(len(keys), msgspec.msgpack.encode(keys))))
                    count += len(keys)
        return count

    def _copy_secret(self) -> bool:
        secret = signing_secret(self._settings)
        if secret is None:
            raise CommandError("there is no signing secret: tokens are signed by an identity provider")
        self._draft.write(SECRET, secret + b"\n")
        return True


def _require_schema(schema: int) -> None:
    from services.audit.storage.schema.migrations import MIGRATIONS

    if schema != (newest := MIGRATIONS[-1].number):
        raise CommandError(
            f"the database is at version {schema}, this program at {newest}: start AuditService with this version, or "
            "run `afterimage migrate`, first"
        )


def _require_space(directory: Path, needed_bytes: int) -> None:
    if (free := shutil.disk_usage(directory).free) < needed_bytes:
        raise CommandError(
            f"{directory.parent} has {spoken_size(free)} free, and the backup needs {spoken_size(needed_bytes)}"
        )


def _summary(manifest: Manifest, directory: Path) -> str:
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    counts = [f"{table.rows:,} {name}" for name, table in manifest.tables.items()]
    links = "no share links" if manifest.share_links is None else f"{manifest.share_links:,} keys of share links"
    return ", ".join([*counts, links, spoken_size(size)])


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
