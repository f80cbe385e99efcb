"""Quotas of several servers, or of one that was restarted: counted in Redis, and in the process while it is away."""

from __future__ import annotations

from afterimage.audit.v1 import audit_service_pb2 as pb
from audit.ingest.test_quotas import CLOCK, is_refusal, noise, served, until_refused
from support.wait import PATIENCE_S


async def test_counts_survive_a_restart_in_redis_and_redis_may_be_away(tmp_path, redis_url):
    CLOCK.begin()
    session = CLOCK.session()
    payload = noise(session)
    redis = {"url": redis_url, "timeout_s": PATIENCE_S}
    async with served(tmp_path, redis, bytes_per_day_per_project=2 * len(payload)) as audit:
        stored, error = await until_refused(audit, session, payload)
        is_refusal(error, "bytes_per_day_per_project")
        assert stored == 2
        await audit.quotas._counters.sync()
    async with served(tmp_path, redis, bytes_per_day_per_project=2 * len(payload)) as audit:
        again = audit.recorder(session)
        await again.write(start=pb.RecordingStart(session_id=session, window_id=again.window))
        is_refusal(await again.ended(), "bytes_per_day_per_project")
    away = {"url": "redis://127.0.0.1:1/0", "timeout_s": 0.2}
    async with served(tmp_path, away, bytes_per_day_per_project=2 * len(payload)) as audit:
        assert (await until_refused(audit, session, payload))[0] == 2, "this process counts alone"
