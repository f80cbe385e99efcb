"""A session of 1,000 windows is listed, read and replayed like any other, within the limits of clients."""

from __future__ import annotations

from audit.storage import chunk, head, page, window_key
from support.audit_server import audit_settings, now_ms, running

from services.audit.app import dialect_for, open_engine
from services.audit.app import now_ms as clock
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.migrations import migrate
from services.runtime.uuid7 import uuid7

COUNT = 1_000
DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024**2
"""Largest message that gRPC clients accept by default."""


async def test_a_session_of_a_thousand_windows(tmp_path):
    settings = audit_settings(tmp_path)
    start = now_ms() - 3_600_000
    session = uuid7(start)
    await _stored(settings, [window_key(start, session=session) for _ in range(COUNT)])

    async with running(settings) as audit:
        (listed,) = await audit.sessions()
        assert (listed.session_id, listed.window_count) == (str(session), COUNT)
        answer = await audit.session(str(session))
        assert len(answer.windows) == COUNT
        assert answer.ByteSize() < DEFAULT_MAX_MESSAGE_BYTES
        replay = await audit.replay(str(session))
        assert len({chunk.window_id for chunk in replay.chunks}) == len(replay.chunks) == COUNT
        assert len(replay.header.windows) == COUNT
        assert replay.header.ByteSize() < DEFAULT_MAX_MESSAGE_BYTES
        one = replay.chunks[-1].window_id
        assert {chunk.window_id for chunk in (await audit.replay(str(session), window_id=one)).chunks} == {one}


async def _stored(settings, keys):
    """Stores the windows as AuditService does, without a stream for each; every page has a long URL."""
    engine = await open_engine(settings)
    try:
        dialect = dialect_for(settings, engine.version)
        await migrate(engine, dialect)
        store = RecordingStore(engine, dialect, Retention(dialect.retention_days, clock), clock)
        url = f"https://shop.example/{'a' * 1_900}"
        await store.insert(
            [head(key) for key in keys], [chunk(key, 1, snapshot=True, marks=(page(url),)) for key in keys]
        )
    finally:
        await engine.close()
