"""`afterimage migrate`: migrates the database to this program's version."""

from __future__ import annotations

import sys

import typer

from services.cli.command import CommandError, invocation_of, run
from services.cli.instance_lock import chdb_holder
from services.runtime.settings.loader import Settings


def migrate(context: typer.Context) -> None:
    """Migrates the database to the newest version. AuditService does the same when it starts.

    For ClickHouse servers on which the tables must exist before the services start, or are created by another user.
    """

    async def main() -> None:
        settings = invocation_of(context).settings()
        if settings.clickhouse.engine == "chdb" and (holder := chdb_holder(settings.chdb_path)):
            raise CommandError(
                f"{settings.chdb_path} is open in {holder}: AuditService migrates by itself when it starts, "
                "so there is nothing to do"
            )
        for line in await _migrate(settings):
            sys.stdout.write(f"{line}\n")

    run(main())


async def _migrate(settings: Settings) -> list[str]:
    from services.audit.app import dialect_for, open_engine
    from services.audit.storage.engine.engine import StorageError
    from services.audit.storage.schema import (
        migrations,
    )  # slow to import, and no other command needs it

    try:
        engine = await open_engine(settings)
        try:
            dialect = dialect_for(settings, engine.version)
            taken = await migrations.migrate(engine, dialect)
            applied = await migrations.applied_migrations(engine, dialect)
        finally:
            await engine.close()
    except StorageError as error:
        raise CommandError(f"clickhouse: {error.detail}") from error
    lines = [f"{step.number} {step.name}: done" for step in taken]
    return [*lines, f"{engine.name}: at version {max(applied, default=0)}"]
