"""The life of an export: turns, priorities, retries, limits, cancellation, expiry."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from afterimage.export.v1 import export_pb2
from afterimage.export.v1 import export_service_pb2 as pb
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.export import CANCELLED, CSV, DONE, EXPIRED, FAILED, JSON, QUEUED, RUNNING, eventually, export_service
from support.share import refusal, seconds
from support.wait import PATIENCE_S

from services.export import app, upkeep
from services.export.formats.making import Made
from services.export.model import ExportError, ExportFormat
from services.export.storage.store import ExportStore
from services.export.worker import app as worker_app
from services.export.worker.runner import Runner
from services.runtime.errors import Unavailable


class Makers:
    """Makers that tests hold up: each waits for `go`, or raises the next of `errors`."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running: set[str] = set()
        self.most_running = 0
        self.stopped: list[str] = []
        self.errors: list[Exception] = []
        self.go = asyncio.Event()
        self.data = b"made"

    async def make(self, making) -> Made:
        export_id = making.export.export_id
        self.begun.append(export_id)
        self.running.add(export_id)
        self.most_running = max(self.most_running, len(self.running))
        making.plan(4)
        making.step()
        try:
            if self.errors:
                raise self.errors.pop(0)
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped.append(export_id)
            raise
        finally:
            self.running.discard(export_id)
        making.spool.write(self.data)
        making.step(3)
        return Made("made.json", "application/json")


@pytest.fixture
def makers(monkeypatch) -> Makers:
    found = Makers()
    monkeypatch.setattr(worker_app, "MAKERS", dict.fromkeys(ExportFormat, found.make))
    return found


def limited(settings, **limits):
    return settings.model_copy(update={"export": settings.export.model_copy(update=limits)})


async def until(condition) -> None:
    async def is_so():
        return condition()

    await eventually(is_so)


@asynccontextmanager
async def serving(settings, mint, clock, **limits):
    settings = limited(settings, **limits)
    async with export_service(settings, mint, now=clock) as calls, worker_app.work(settings, now=clock):
        yield calls


async def test_projects_take_turns(export_settings, mint, clock, audit, makers):
    mine, theirs = await audit.record(), await audit.record(project="other")
    async with serving(export_settings, mint, clock, worker_concurrency=2) as exports:
        many = [await exports.of_session(mine) for _ in range(8)]
        await until(lambda: len(makers.begun) == 2)
        one = await exports.of_session(theirs, project="other")
        assert (await exports.get(many[2].export_id)).state == QUEUED
        makers.go.set()
        await until(lambda: len(makers.begun) == 9)
        # At most two of the other project were before it in the queue.
        assert makers.begun.index(one.export_id) <= 4
        assert makers.most_running <= 2
        # Two of a project that are next at the same time may begin in either order.
        assert sorted(makers.begun) == sorted(export.export_id for export in (*many, one))


async def test_a_project_has_a_limit_of_its_own(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock, worker_concurrency=8, concurrency_per_project=3) as exports:
        for _ in range(6):
            await exports.of_session(session)
        await until(lambda: len(makers.begun) == 3)
        await asyncio.sleep(3 * upkeep.EVERY_S)
        assert len(makers.begun) == 3
        makers.go.set()
        await until(lambda: len(makers.begun) == 6)
        assert makers.most_running == 3


async def test_the_priority_decides_within_a_project(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock, concurrency_per_project=1) as exports:
        first = await exports.of_session(session)
        await until(lambda: makers.begun == [first.export_id])
        content = {"session": {"session_id": session}, "format": JSON}
        low, normal, high = [await exports.create(**content, priority=priority) for priority in (1, 0, 3)]
        assert normal.priority == export_pb2.EXPORT_PRIORITY_NORMAL
        makers.go.set()
        await until(lambda: len(makers.begun) == 4)
        assert makers.begun[1:] == [high.export_id, normal.export_id, low.export_id]


async def test_what_may_pass_is_tried_again(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    makers.go.set()
    async with serving(export_settings, mint, clock) as exports:
        makers.errors = [
            Unavailable("AuditService does not answer", reason="AUDIT_UNAVAILABLE"),
            ExportError("STORAGE_FULL", "no space", is_final=False),
            RuntimeError("a defect"),
        ]
        export = await exports.of_session(session)
        done = await exports.ended(export.export_id)
        assert (done.state, done.attempt_count) == (DONE, 4)
        assert not done.HasField("failure")
        makers.errors = [Unavailable("AuditService does not answer", reason="AUDIT_UNAVAILABLE") for _ in range(9)]
        failed = await exports.ended((await exports.of_session(session)).export_id)
        assert (failed.state, failed.attempt_count, failed.failure.reason) == (FAILED, 4, "AUDIT_UNAVAILABLE")
        assert len(makers.begun) == 8
        makers.errors = [RuntimeError("secret words of a defect") for _ in range(9)]
        failed = await exports.ended((await exports.of_session(session)).export_id)
        assert failed.failure.reason == "INTERNAL"
        assert "secret" not in failed.failure.message


async def test_what_cannot_pass_is_not(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock) as exports:
        makers.errors = [ExportError("DAMAGED", "chunk 1 is damaged")]
        failed = await exports.ended((await exports.of_session(session)).export_id)
        assert (failed.state, failed.attempt_count, failed.failure.message) == (FAILED, 1, "chunk 1 is damaged")
        assert failed.end_time.seconds


async def test_the_limits_hold(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock, max_time_s=0.5, max_file_bytes=1024) as exports:
        late = await exports.ended((await exports.of_session(session)).export_id)
        assert (late.state, late.failure.reason, late.attempt_count) == (FAILED, "TIME_LIMIT", 1)
        assert makers.stopped == [late.export_id]
        makers.go.set()
        makers.data = bytes(1025)
        large = await exports.ended((await exports.of_session(session)).export_id)
        assert (large.state, large.failure.reason, large.attempt_count) == (FAILED, "SIZE_LIMIT", 1)
        makers.data = bytes(1024)
        assert await exports.file(await exports.of_session(session)) == bytes(1024)
    assert list((export_settings.data_dir / "exports" / "scratch").rglob("*")) == []


async def test_tables_have_a_limit_of_rows(export_settings, mint, clock, audit):
    for _ in range(3):
        await audit.record()
    for limit in ("max_rows", "max_table_sessions"):
        async with serving(export_settings, mint, clock, **{limit: 2}) as exports:
            for fmt in (CSV, export_pb2.EXPORT_FORMAT_PARQUET):
                failed = await exports.ended((await exports.of_table(fmt=fmt)).export_id)
                assert (failed.state, failed.failure.reason) == (FAILED, "ROW_LIMIT")


async def test_a_project_has_quotas(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    makers.data = bytes(100)
    limits = {"max_open_per_project": 2, "max_stored_bytes_per_project": 150}
    async with serving(export_settings, mint, clock, **limits) as exports:
        first, second = [await exports.of_session(session) for _ in range(2)]
        refused = await refusal(exports.of_session(session))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_QUEUED")
        await exports.cancel(second.export_id)
        makers.go.set()
        await exports.file(first)
        await exports.file(third := await exports.of_session(session))
        refused = await refusal(exports.of_session(session))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_STORED")
        await exports.delete(third.export_id)
        assert (await exports.of_session(session)).state == QUEUED


async def test_a_cancelled_export_is_stopped_within_a_second(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock) as exports:
        export = await exports.of_session(session)
        await until(lambda: makers.running)
        assert (await exports.until(export.export_id, RUNNING)).progress.planned_count in {0, 4}
        assert (await exports.cancel(export.export_id)).state == CANCELLED
        await until(lambda: makers.stopped == [export.export_id])
        makers.go.set()
        assert (await exports.ended(export.export_id)).state == CANCELLED
        await until(lambda: not makers.running)
        # The place is free again.
        await exports.file(await exports.of_session(session))


async def test_a_deleted_export_is_stopped(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock) as exports:
        export = await exports.of_session(session)
        await until(lambda: makers.running)
        await exports.delete(export.export_id)
        await until(lambda: makers.stopped == [export.export_id])


async def test_a_file_expires(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    makers.go.set()
    clock.stop()
    async with serving(export_settings, mint, clock) as exports:
        content = {"session": {"session_id": session}, "format": JSON}
        export = await exports.create(**content, ttl=seconds(60))
        await exports.file(export)
        clock.advance(59)
        await exports.download(export.export_id)
        clock.advance(2)
        refused = await refusal(anext(aiter(exports.downloading(export.export_id))))
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_NOT_DONE")

        async def is_expired():
            return (await exports.get(export.export_id)).state == EXPIRED

        await eventually(is_expired)
        assert not (await exports.get(export.export_id)).HasField("file")


async def test_a_file_does_not_outlive_its_sessions_retention(export_settings, mint, audit, clock):
    project = export_settings.projects[0].model_copy(update={"retention_days": 2})
    settings = export_settings.model_copy(update={"projects": (project, export_settings.projects[1])})
    session = await audit.record()
    async with serving(settings, mint, clock) as exports:
        export = await exports.of_session(session)
        await exports.file(export)
        expires = (await exports.get(export.export_id)).expire_time.seconds
        start = (await audit.details(session)).session.start_time.seconds
        assert expires == (start // 86_400 + 3) * 86_400


async def test_an_export_that_no_worker_takes_fails(export_settings, mint, clock, audit):
    session = await audit.record()
    clock.stop()
    async with export_service(limited(export_settings, max_wait_s=60.0), mint, now=clock) as exports:
        export = await exports.of_session(session)
        clock.advance(61)
        failed = await exports.ended(export.export_id)
        assert (failed.state, failed.failure.reason, failed.attempt_count) == (FAILED, "NO_WORKER", 0)


async def test_a_worker_that_stops_gives_its_exports_back(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with export_service(export_settings, mint, now=clock) as exports:
        async with worker_app.work(export_settings, now=clock):
            export = await exports.of_session(session)
            await until(lambda: makers.running)
        assert makers.stopped == [export.export_id]
        assert (await exports.get(export.export_id)).state == QUEUED
        makers.go.set()
        async with worker_app.work(export_settings, now=clock):
            await exports.file(export)
        assert (await exports.get(export.export_id)).attempt_count == 1


async def test_a_slow_worker_cannot_end_an_export_that_was_given_away(export_settings, mint, clock, audit, monkeypatch):
    """A worker stands still for longer than its lease, then goes on: the record has another attempt meanwhile."""
    session = await audit.record()
    wakes, ended, attempts = asyncio.Event(), asyncio.Event(), []

    async def make(making) -> Made:
        attempts.append(making.export.attempt)
        if making.export.attempt == 1:
            await wakes.wait()
        making.spool.write(f"attempt {making.export.attempt}".encode())
        return Made("made.json", "application/json")

    renew, finish = Runner._renewed, ExportStore.finish

    async def renewed(self, making) -> None:
        await (asyncio.Event().wait() if making.export.attempt == 1 else renew(self, making))

    async def finished(self, export, *args) -> bool:
        is_done = await finish(self, export, *args)
        if export.attempt == 1:
            assert not is_done
            ended.set()
        return is_done

    monkeypatch.setattr(Runner, "_renewed", renewed)
    monkeypatch.setattr(ExportStore, "finish", finished)
    monkeypatch.setattr(worker_app, "MAKERS", dict.fromkeys(ExportFormat, make))
    async with serving(export_settings, mint, clock, lease_s=2.0) as exports:
        export = await exports.of_session(session)
        assert await exports.file(export) == b"attempt 2"
        wakes.set()
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        done = await exports.get(export.export_id)
        assert (done.state, done.attempt_count, attempts) == (DONE, 2, [1, 2])
        assert (await exports.download(export.export_id))[1] == b"attempt 2"


async def test_watchers_see_each_state_and_progress(export_settings, mint, clock, audit, makers):
    session = await audit.record()
    async with serving(export_settings, mint, clock) as exports:
        earlier = await exports.of_session(session)
        await until(lambda: makers.running)
        watch = exports.stub.WatchExports(pb.WatchExportsRequest(), metadata=exports.auth())
        other = exports.stub.WatchExports(pb.WatchExportsRequest(), metadata=exports.auth("other"))
        async with asyncio.timeout(PATIENCE_S):
            first = await watch.read()
            assert [export.export_id for export in first.snapshot.exports] == [earlier.export_id]
            assert list((await other.read()).snapshot.exports) == []
            export = await exports.of_session(session)
            states = []
            one = exports.stub.WatchExports(pb.WatchExportsRequest(export_id=export.export_id), metadata=exports.auth())
            while RUNNING not in states:
                change = await watch.read()
                if change.upsert.export_id == export.export_id:
                    states.append(change.upsert.state)
            while True:
                change = await watch.read()
                if change.upsert.export_id == export.export_id and change.upsert.progress.planned_count == 4:
                    break
            assert change.upsert.progress.done_count == 1
            makers.go.set()
            seen = [message async for message in one]
            assert seen[0].WhichOneof("message") == "snapshot"
            assert seen[-1].upsert.state == DONE  # the stream has ended by itself
            await exports.delete(export.export_id)
            while True:
                change = await watch.read()
                if change.WhichOneof("message") == "removal":
                    break
            assert change.removal.export_id == export.export_id
        assert states[0] == QUEUED or states == [RUNNING]
        other.cancel()
        watch.cancel()


async def test_the_health_is_that_of_the_database(export_settings, mint, clock, monkeypatch):
    monkeypatch.setattr(app, "HEALTH_EVERY_S", 0.05)
    states = health_pb2.HealthCheckResponse
    async with export_service(export_settings, mint, now=clock) as exports:
        async with grpc.aio.insecure_channel(exports.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="afterimage.export.v1.ExportService")

            async def has(state):
                return (await stub.Check(request)).status == state

            assert await has(states.SERVING)
            counts = ExportStore.counts

            async def away(self):
                raise Unavailable("the database does not answer", reason="DATABASE_UNAVAILABLE")

            monkeypatch.setattr(ExportStore, "counts", away)
            await eventually(lambda: has(states.NOT_SERVING))
            monkeypatch.setattr(ExportStore, "counts", counts)
            await eventually(lambda: has(states.SERVING))
