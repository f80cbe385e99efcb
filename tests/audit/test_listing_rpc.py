"""ListSessions: pages of every order and filter, against a sort in Python."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from afterimage.recording.v1 import enums_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import AuditServer, console_error, meta, move, new_session, now_ms, start_of
from support.campaign import is_campaign

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 60
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Truth:
    """Expected values of a session, from its recording."""

    session: str
    start_ms: int
    duration_ms: int
    errors: int
    actor: str
    actor_type: int
    device_type: int
    tags: dict[str, str]
    pages: tuple[str, ...]
    ended: bool
    windows: int


async def _record(audit: AuditServer, rng: random.Random, at_ms: int) -> Truth:
    session = new_session(at_ms)
    start = start_of(session)
    actor = rng.choice(["", "ann", "bob", "c'\\a\n rol"])
    truth = Truth(
        session=session,
        start_ms=start,
        duration_ms=rng.choice([0, 1, 500, 5_000, 5_000, 60_000, rng.randrange(100_000)]),
        errors=rng.choice([0, 0, 0, 1, 2, 7]),
        actor=actor,
        actor_type=rng.choice([enums_pb2.ACTOR_TYPE_USER, enums_pb2.ACTOR_TYPE_STAFF, enums_pb2.ACTOR_TYPE_BOT]),
        device_type=rng.choice([1, 2, 3]),
        tags={"plan": rng.choice(["free", "pro"]), "odd'key": "odd\\value"} if rng.random() < 0.6 else {},
        pages=tuple(f"https://shop.example/{name}" for name in rng.sample(["cart", "cart/pay", "home"], 2)),
        ended=rng.random() < 0.5,
        windows=rng.choice([1, 1, 1, 2]),
    )
    first = [meta(start, page) for page in truth.pages]
    first += [console_error(start, f"error {number}") for number in range(truth.errors)]
    for number in range(truth.windows):
        chunks = [first if number == 0 else [move(start)], [move(start + truth.duration_ms)]]
        await audit.record(
            session,
            chunks,
            str(uuid4()),
            end=truth.ended or number > 0,
            actor_id=truth.actor,
            actor_type=truth.actor_type,
            device_type=truth.device_type,
            tags=truth.tags,
        )
    return truth


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def truths(shared_audit) -> list[Truth]:
    """Sessions of the last 20 days, most of them crowded into a few days, some in the same millisecond."""
    rng = random.Random(COUNT)
    now = now_ms() - 60_000
    moments = [now - rng.choice([0, 1, 5, 20]) * DAY_MS - rng.randrange(DAY_MS // 2) for _ in range(COUNT - 20)]
    moments += rng.sample(moments, 10) + [now - 3 * DAY_MS] * 10
    found = await asyncio.gather(*(_record(shared_audit, rng, at) for at in moments))
    await asyncio.to_thread(shared_audit.merge)
    return found


ORDERS: dict[int, Callable[[Truth], Any]] = {
    pb.SESSION_ORDER_UNSPECIFIED: lambda t: -t.start_ms,
    pb.SESSION_ORDER_NEWEST_FIRST: lambda t: -t.start_ms,
    pb.SESSION_ORDER_OLDEST_FIRST: lambda t: t.start_ms,
    pb.SESSION_ORDER_LONGEST_FIRST: lambda t: (-t.duration_ms, -t.start_ms),
    pb.SESSION_ORDER_MOST_ERRORS_FIRST: lambda t: (-t.errors, -t.start_ms),
    pb.SESSION_ORDER_MOST_RAGE_CLICKS_FIRST: lambda t: -t.start_ms,  # no rage clicks here
}

LONG_AGO = (now_ms() - 6 * DAY_MS) // 1000
SECONDS = Duration(seconds=5)

FILTERS: dict[str, tuple[SessionFilter, Callable[[Truth], bool]]] = {
    "all": (SessionFilter(), lambda _: True),
    "one actor": (SessionFilter(actor_id="ann"), lambda t: t.actor == "ann"),
    "an odd actor": (SessionFilter(actor_id="c'\\a\n rol"), lambda t: t.actor == "c'\\a\n rol"),
    "nobody": (SessionFilter(actor_id="nobody"), lambda _: False),
    "a tag": (SessionFilter(tags={"plan": "pro"}), lambda t: t.tags.get("plan") == "pro"),
    "two tags": (
        SessionFilter(tags={"plan": "free", "odd'key": "odd\\value"}),
        lambda t: t.tags.get("plan") == "free",
    ),
    "devices": (SessionFilter(device_types=[1, 3]), lambda t: t.device_type in {1, 3}),
    "kinds of actor": (SessionFilter(actor_types=[4]), lambda t: t.actor_type == 4),
    "before": (SessionFilter(end_time=Timestamp(seconds=LONG_AGO)), lambda t: t.start_ms < LONG_AGO * 1000),
    "since": (SessionFilter(start_time=Timestamp(seconds=LONG_AGO)), lambda t: t.start_ms >= LONG_AGO * 1000),
    "errors": (SessionFilter(has_errors=True), lambda t: t.errors > 0),
    "no errors": (SessionFilter(has_errors=False), lambda t: t.errors == 0),
    "a page": (SessionFilter(page="/cart/pay"), lambda t: any("/cart/pay" in page for page in t.pages)),
    "a page that no wildcard finds": (SessionFilter(page="c%t"), lambda _: False),
    "long": (SessionFilter(min_duration=SECONDS), lambda t: t.duration_ms >= 5_000),
    "short": (SessionFilter(max_duration=SECONDS), lambda t: t.duration_ms <= 5_000),
    "just so long": (SessionFilter(min_duration=SECONDS, max_duration=SECONDS), lambda t: t.duration_ms == 5_000),
    "ended": (SessionFilter(statuses=[2]), lambda t: t.ended),
    "live": (SessionFilter(statuses=[1]), lambda t: not t.ended),
    "live or ended": (SessionFilter(statuses=[1, 2]), lambda _: True),
    "timed out": (SessionFilter(statuses=[3]), lambda _: False),
    "everything at once": (
        SessionFilter(
            actor_types=[2, 3],
            device_types=[1, 2],
            has_errors=True,
            statuses=[2],
            tags={"plan": "pro"},
            min_duration=Duration(nanos=1_000_000),
        ),
        lambda t: (
            t.actor_type in {2, 3}
            and t.device_type in {1, 2}
            and t.errors > 0
            and t.ended
            and t.tags.get("plan") == "pro"
            and t.duration_ms >= 1
        ),
    ),
}


async def pages(audit: AuditServer, page_size: int, **request: Any) -> list[list[Any]]:
    found = []
    message = pb.ListSessionsRequest(page_size=page_size, **request)
    while True:
        page = await audit.stub.ListSessions(message, metadata=audit.auth("view"))
        assert len(page.sessions) <= page_size
        found.append(list(page.sessions))
        if not page.next_page_token:
            return found
        assert page.sessions, "an empty page has a token"
        message.page_token = page.next_page_token


IN_ALL_ORDERS = {"all", "a tag", "errors"}
CASES = [
    (name, order)
    for name in FILTERS
    for order in ORDERS
    if is_campaign()
    or name in IN_ALL_ORDERS
    or order in {pb.SESSION_ORDER_NEWEST_FIRST, pb.SESSION_ORDER_MOST_ERRORS_FIRST}
]


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "order"), CASES)
async def test_pages_are_what_a_sort_in_python_gives(shared_audit, truths, name, order):
    """Each filter in an order by start and one by rank, some filters in all orders; with --campaign each in all."""
    wanted, keeps = FILTERS[name]
    expected = sorted((truth for truth in truths if keeps(truth)), key=ORDERS[order])
    by_id = {truth.session: truth for truth in truths}
    size = {"all": 17, "nobody": 10}.get(name, 29)
    got = [session for page in await pages(shared_audit, size, filter=wanted, order=order) for session in page]
    ids = [session.session_id for session in got]
    assert len(ids) == len(set(ids)), "a session is listed twice"
    assert set(ids) == {truth.session for truth in expected}
    # Sessions with equal sort keys may come in any order.
    assert [ORDERS[order](by_id[one]) for one in ids] == [ORDERS[order](truth) for truth in expected]
    for session in got[:20]:
        truth = by_id[session.session_id]
        assert session.start_time.ToMilliseconds() == truth.start_ms
        assert session.duration.ToMilliseconds() == truth.duration_ms
        assert session.totals.error_count == truth.errors
        assert (session.actor_id, session.actor_type) == (truth.actor, truth.actor_type)
        assert (session.device_type, dict(session.tags)) == (truth.device_type, truth.tags)
        assert session.window_count == truth.windows
        assert session.status == (2 if truth.ended else 1)


@pytest.mark.parametrize("order", [1, 2, 3])
async def test_pages_of_one_list_everything_once(shared_audit, truths, order):
    """Sessions in the same millisecond too."""
    crowded = max({t.start_ms for t in truths}, key=lambda ms: sum(t.start_ms == ms for t in truths))
    since, until = crowded - 2, crowded + 2
    wanted = SessionFilter(
        start_time=Timestamp(seconds=since // 1000, nanos=since % 1000 * 1_000_000),
        end_time=Timestamp(seconds=until // 1000, nanos=until % 1000 * 1_000_000),
    )
    expected = {t.session for t in truths if since <= t.start_ms < until}
    assert len(expected) >= 10
    got = [session.session_id for page in await pages(shared_audit, 1, filter=wanted, order=order) for session in page]
    assert len(got) == len(expected)
    assert set(got) == expected


async def test_the_default_is_fifty_newest_first(shared_audit, truths):
    page = await shared_audit.stub.ListSessions(pb.ListSessionsRequest(), metadata=shared_audit.auth("view"))
    starts = sorted((truth.start_ms for truth in truths), reverse=True)
    assert [session.start_time.ToMilliseconds() for session in page.sessions] == starts[:50]
    assert page.next_page_token


async def test_a_page_that_ends_exactly_with_the_list_has_no_token(shared_audit, truths):
    page = await shared_audit.stub.ListSessions(
        pb.ListSessionsRequest(page_size=len(truths)), metadata=shared_audit.auth("view")
    )
    assert len(page.sessions) == len(truths)
    assert not page.next_page_token


@pytest.mark.parametrize("order", [1, 2])
async def test_pages_stay_stable_while_sessions_are_added(shared_audit, truths, order):
    """No session is listed twice, and no session that existed at the start is left out."""
    rng = random.Random(order)
    before = {session.session_id for session in await shared_audit.sessions(page_size=500)}
    message = pb.ListSessionsRequest(page_size=31, order=order)
    got: list[str] = []
    added: list[str] = []
    while True:
        page = await shared_audit.stub.ListSessions(message, metadata=shared_audit.auth("view"))
        got += [session.session_id for session in page.sessions]
        if not page.next_page_token:
            break
        message.page_token = page.next_page_token
        for at in (now_ms(), now_ms() - rng.randrange(20 * DAY_MS), now_ms() - 29 * DAY_MS):
            session = new_session(at)
            await shared_audit.record(session, [[move(at)]])
            added.append(session)
    assert len(got) == len(set(got))
    assert before <= set(got) <= before | set(added)
