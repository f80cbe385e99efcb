from __future__ import annotations

import pytest
from support.clock import Clock
from support.wait import PATIENCE_S

from services.runtime import redis_client
from services.runtime.errors import ResourceExhausted
from sidecar.gate.limits import Attempts, Connections, TokenBucket


async def allowed(attempts, who="203.0.113.7", per_minute=5, kind="upgrade", of=50):
    """How many of fifty attempts pass."""
    passed, refused = 0, []
    for _ in range(of):
        try:
            await attempts.count(kind, who, per_minute)
            passed += 1
        except ResourceExhausted as error:
            refused.append(error)
    assert all(error.reason == "RATE_LIMITED" and 1 <= error.retry_after_s <= 60 for error in refused)
    return passed


@pytest.fixture
async def shared(settings, redis_url):
    """Makes Attempts of different processes on one Redis."""
    clients = []

    def make(url=redis_url, now=None):
        changed = settings.model_copy(
            update={"redis": settings.redis.model_copy(update={"url": url, "timeout_s": PATIENCE_S})}
        )
        clients.append(redis_client.connect(changed))
        return Attempts(clients[-1], redis_client.key(changed, "limits"), **({"now": now} if now else {}))

    yield make
    for client in clients:
        await client.aclose()


async def test_in_one_process():
    clock = Clock(1000.0)
    attempts = Attempts(None, "x", clock)
    assert not attempts.is_shared
    assert await allowed(attempts) == 5
    assert await allowed(attempts, who="203.0.113.8") == 5
    assert await allowed(attempts, kind="token") == 5
    clock.advance(24)
    assert await allowed(attempts) == 2
    assert await allowed(attempts, per_minute=0, kind="free") == 50


async def test_in_redis_for_all_sidecars_together(shared):
    one, two = shared(), shared()
    assert one.is_shared
    assert await allowed(one, of=3) == 3
    assert await allowed(two) == 2
    assert await allowed(one, who="203.0.113.8") == 5


async def test_keys_have_the_prefix_and_an_end_and_name_nobody(shared, redis_url):
    import redis

    await allowed(shared(), who="somebody@example.org")
    with redis.Redis.from_url(redis_url) as client:
        keys = client.keys()
        assert keys
        assert all(b"afterimage:development:limits" in key and b"somebody" not in key for key in keys)
        assert all(0 < client.ttl(key) <= 120 for key in keys)


async def test_while_redis_is_away_each_process_counts_for_itself(shared, logged):
    clock = Clock(1000.0)
    attempts = shared(url="redis://127.0.0.1:1/0", now=clock)
    assert await allowed(attempts) == 5
    assert not attempts.is_shared
    assert logged.getvalue().count("Redis does not answer") == 1
    clock.advance(6)
    assert attempts.is_shared  # it is asked again
    await allowed(attempts)
    assert logged.getvalue().count("Redis does not answer") == 2


async def test_memory_is_bounded():
    attempts = Attempts(None, "x")
    for number in range(60_000):
        await attempts.count("upgrade", str(number), 5)
    assert len(attempts._memory) == 50_000


def test_a_bucket():
    bucket = TokenBucket(10.0, now=0.0)
    assert [bucket.take(25, 0.0), bucket.take(25, 0.0), bucket.take(1, 0.0)] == [True, True, False]
    assert bucket.take(9, 1.0)
    assert not bucket.take(2, 1.0)
    assert bucket.wait_s(2) == pytest.approx(0.1)
    assert bucket.take(50, 100.0)
    assert TokenBucket(0, 0.0).take(10**9, 0.0)


def test_open_connections():
    connections = Connections(total=3, per_project=2, per_subject=1, per_address=0)

    everything = []

    def enter(project, subject, address="a"):
        held = connections.entered(project=project, subject=subject, address=address)
        held.__enter__()
        everything.append(held)
        return held

    def hit(project, subject):
        with pytest.raises(ResourceExhausted) as caught:
            enter(project, subject)
        return caught.value.metadata["limit"]

    first, _ = enter("p", "s"), enter("p", "t")
    assert hit("p", "s") == "project"
    enter("q", "s")  # the same name in another project is another subject
    assert hit("q", "t") == "total"
    first.__exit__(None, None, None)
    assert hit("q", "s") == "subject"
    enter("p", "s")
    assert len(connections._open) == 1 + 2 + 3 + 1
