"""Checks of the storage: reachable, migrated, writable, free disk space, chunks that it refused."""

from __future__ import annotations

import shutil
from pathlib import Path

from services.cli.command import spoken_size
from services.cli.doctor.examination import Examination, Finding, note, ok, problem, skipped
from services.cli.instance_lock import chdb_holder
from services.runtime.settings import is_loopback

MIN_FREE_BYTES = 2 * 10**9
MIN_FREE_SHARE = 0.05
"""ClickHouse merges parts into new ones, so it needs free space in addition to the data."""


async def check_storage(about: Examination, /) -> list[Finding]:
    """Reports whether the engine is reachable, migrated and writable."""
    house = about.settings.clickhouse
    if house.engine == "chdb":
        if holder := chdb_holder(about.settings.chdb_path):
            return [ok("storage", f"chDB in {about.settings.chdb_path}, open in {holder}, which migrated it")]
        if not about.settings.chdb_path.exists():
            return [skipped("storage", f"there is no {about.settings.chdb_path} yet: it is created at the first start")]
    return await _examine_engine(about)


async def _examine_engine(about: Examination) -> list[Finding]:
    from services.audit.app import dialect_for, open_engine
    from services.audit.storage.engine.engine import StorageAway, StorageError, Table
    from services.audit.storage.schema import migrations  # slow to import, and no other check needs it

    settings = about.settings
    try:
        engine = await open_engine(settings)
    except StorageAway as error:
        return [
            problem("storage", f"does not answer: {_first_line(error.detail)}", "check clickhouse.url, and the server")
        ]
    except StorageError as error:
        text = f"refuses access: {_first_line(error.detail)}"
        return [problem("storage", text, "check user, password and rights in clickhouse.url")]
    findings = [ok("storage", f"{engine.name} answers")]
    try:
        dialect = dialect_for(settings, engine.version)
        try:
            applied = await migrations.applied_migrations(engine, dialect)
        except StorageError:
            applied = set()
        newest = max(step.number for step in migrations.MIGRATIONS)
        missing = sorted({step.number for step in migrations.MIGRATIONS} - applied)
        if missing:
            text = f"steps {', '.join(map(str, missing))} are missing"
            return [*findings, problem("migrations", text, "run `afterimage migrate`, or start AuditService")]
        findings.append(ok("migrations", f"at version {newest}"))
        columns = (("number", "UInt32"), ("name", "String"), ("applied_ms", "Int64"))
        table = dialect.local("migrations")
        which = f"SELECT number, name, applied_ms FROM {table} WHERE number = {newest} LIMIT 1"  # noqa: S608 - a constant
        [row] = await engine.query(which)
        # Inserts the same row again: the table keeps one per number, so a probe leaves no trace.
        await engine.insert(Table(table, columns), [(row[0], row[1].decode(), row[2])])
        findings.append(ok("writable", "an insert succeeded"))
    except StorageError as error:
        text = f"an insert failed: {_first_line(error.detail)}"
        findings.append(problem("writable", text, "see disk, and the rights of the user in clickhouse.url"))
    finally:
        await engine.close()
    return findings


async def check_disk(about: Examination, /) -> list[Finding]:
    """Reports the free space on the disk of the data directory."""
    host = about.address.rpartition(":")[0].strip("[]")
    if not (about.address.startswith("unix:") or is_loopback(host)):
        return [skipped("disk", f"{about.address} is another machine: look there")]
    path = _existing(
        about.settings.chdb_path if about.settings.clickhouse.engine == "chdb" else about.settings.data_dir
    )
    from services.audit.storage.engine.damaged_files import were_set_aside
    from services.audit.storage.engine.engine import DiskUsage
    from services.audit.storage.free_space import floor_of

    usage = shutil.disk_usage(path)
    floor = floor_of(DiskUsage(usage.free, usage.total), about.settings.storage.min_free_bytes)
    text = f"{spoken_size(usage.free)} free of {spoken_size(usage.total)} at {path}"
    if usage.free < floor:
        text = f"{text}, less than {spoken_size(floor)} (storage.min_free_bytes): nothing new is recorded, reads go on"
        findings = [problem("disk", text, "make room, or shorten retention_days: days past it are dropped on restart")]
    elif usage.free < MIN_FREE_BYTES or usage.free < MIN_FREE_SHARE * usage.total:
        todo = f"make room, or shorten retention_days; below {spoken_size(floor)} nothing new is recorded"
        findings = [problem("disk", text, todo)]
    else:
        findings = [ok("disk", text)]
    if damaged := were_set_aside(about.settings.chdb_path):
        text = f"{len(damaged)} files in {damaged[0].parent}: deletions that a full disk cut off and that were not made"
        findings.append(note("damaged", text, "delete those sessions again, then the files"))
    return findings


async def check_set_aside(about: Examination, /) -> list[Finding]:
    """Reports chunks that the database refused, and that are kept as files."""
    host = about.address.rpartition(":")[0].strip("[]")
    if not (about.address.startswith("unix:") or is_loopback(host)):
        return [skipped("set aside", f"{about.address} is another machine: look there")]
    from services.audit.ingest.set_aside import were_set_aside

    kept = were_set_aside(about.settings.data_dir)
    if not kept:
        return [ok("set aside", "no chunk: the database has refused none")]
    last = kept[-1]
    sessions = {(one.project, one.session) for one in kept}
    text = (
        f"{len(kept):,} chunks of {len(sessions):,} sessions are in {last.path.parents[1]}: the database refused them; "
        f"the last one is chunk {last.seq} of session {last.session} (project {last.project}): {last.error}"
    )
    return [
        problem("set aside", text, "remove the cause, import the files again, then delete them (docs/operating.md)")
    ]


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _first_line(text: str) -> str:
    return text.splitlines()[0][:300] if text else "no reason given"
