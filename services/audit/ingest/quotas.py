"""Quotas of recordings: how much one project, one address, one sender and one session may store or cost.

Counts of a day, a minute and a session are shared by all servers (`services.runtime.shared_counters`). The budgets of
rejected chunks are this process's: they protect its workers. A refused or rejected chunk counts for nothing that is
stored, and a chunk that is sent again is not counted again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.audit.ingest.sender import Sender
from services.audit.model import SessionKey
from services.runtime.errors import ResourceExhausted
from services.runtime.settings import QuotaSettings
from services.runtime.shared_counters import SharedCounter, SharedCounters
from services.runtime.token_bucket import TokenBucket

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_MINUTE_S = 60.0

SESSION_TTL_S = 2 * 86_400.0
"""Time for which the counts of a session are kept after its last chunk: more than a session's length."""

MAX_RETRY_S = 3600.0
"""Longest delay that a recorder is given: a quota may be raised before its day is over."""

SESSION_RETRY_S = 3600.0
"""Delay for recorders that cannot begin a new session: the full one is refused until its day is over."""

MAX_SENDERS = 50_000
"""Maximum number of senders with a budget in this process; the longest unused one is forgotten."""


class Quotas:
    """The quotas of all recordings on this server.

    Args:
        limits: The limits in force at first.
        counters: Counts that servers share.
        now_ms: The server's clock, milliseconds since 1970 UTC.
        now_s: A monotonic clock, in seconds.

    Attributes:
        refused: Number of streams that ended, or did not begin, because of a quota, by its setting's name.
    """

    def __init__(
        self,
        limits: QuotaSettings,
        counters: SharedCounters,
        now_ms: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self.refused: Counter[str] = Counter(dict.fromkeys(QuotaSettings.model_fields, 0))
        self._counters = counters
        self._now_ms = now_ms
        self._now_s = now_s
        self._budgets: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def limits(self) -> QuotaSettings:
        """The limits in force. New ones apply to open streams too, and begin with full budgets."""
        return self._limits

    @limits.setter
    def limits(self, limits: QuotaSettings) -> None:
        if limits != self._limits:
            self._limits = limits
            self._budgets.clear()

    async def account(self, session: SessionKey, sender: Sender, *, is_limited: bool = True) -> Account:
        """Returns the account of a stream, with the counts of all servers.

        Args:
            session: The recorded session.
            sender: The recorder.
            is_limited: Whether the quotas apply; they do not to imports.

        Raises:
            ResourceExhausted: A quota has no room for any chunk (QUOTA_EXCEEDED, SESSION_FULL).
        """
        account = Account(self, session, sender, is_limited=is_limited)
        if is_limited:
            await self._counters.refresh(account.counters())
            account.check()
        return account

    def now_ms(self) -> int:
        """Returns the server's clock."""
        return self._now_ms()

    def counter(self, *key: str, ttl_s: float) -> SharedCounter:
        """Returns a shared counter."""
        return self._counters.counter(":".join(key), ttl_s)

    def refuse(self, quota: str, wait_s: float) -> ResourceExhausted:
        """Counts a refusal and returns its error; a retry is for after `wait_s` seconds."""
        self.refused[quota] += 1
        limit = getattr(self.limits, quota)
        return ResourceExhausted(
            f"over the quota {quota} ({limit:,g}); try again later",
            reason="QUOTA_EXCEEDED",
            metadata={"quota": quota},
            retry_after_s=min(max(wait_s, 1.0), MAX_RETRY_S),
        )

    def refuse_session(self, quota: str) -> ResourceExhausted:
        """Counts a refusal by a quota of one session and returns its error: no retry with this session helps."""
        self.refused[quota] += 1
        limit = getattr(self.limits, quota)
        return ResourceExhausted(
            f"the session is over the quota {quota} ({limit:,g}); begin a new session",
            reason="SESSION_FULL",
            metadata={"quota": quota},
            retry_after_s=SESSION_RETRY_S,
        )

    def charge(self, quota: str, who: str, amount: float) -> None:
        """Charges a sender's budget of a minute with the cost of a rejected chunk."""
        if per_minute := getattr(self.limits, quota):
            self._budget(quota, who, per_minute).charge(amount, self._now_s())

    def debt_s(self, quota: str, who: str) -> float:
        """Returns the time until a sender's budget is refilled, in seconds; 0.0: there is some left."""
        per_minute = getattr(self.limits, quota)
        key = f"{quota} {who}"
        return (
            self._budget(quota, who, per_minute).debt_s(self._now_s()) if per_minute and key in self._budgets else 0.0
        )

    def _budget(self, quota: str, who: str, per_minute: float) -> TokenBucket:
        key = f"{quota} {who}"
        bucket = self._budgets.get(key)
        if bucket is None:
            bucket = self._budgets[key] = TokenBucket(per_minute / _MINUTE_S, self._now_s(), float(per_minute))
        self._budgets.move_to_end(key)
        if len(self._budgets) > MAX_SENDERS:
            self._budgets.popitem(last=False)
        return bucket


@dataclass(slots=True)
class Charge:
    """The counted size of a chunk: `size_bytes` as sent, until it is known as stored."""

    size_bytes: int


class Account:
    """The counts of one stream. Created by `Quotas.account`."""

    def __init__(self, quotas: Quotas, session: SessionKey, sender: Sender, *, is_limited: bool) -> None:
        self._quotas = quotas
        self._session = session
        self._is_limited = is_limited
        project = session.project
        # Subjects are unique only within their project.
        self._who = [("per_subject", f"{project} {sender.subject}"), ("per_address", sender.address)]
        self._who = [(scope, who) for scope, who in self._who if who]
        self._places = [("per_project", project)]
        if sender.address:
            self._places.append(("per_address", sender.address))
        of_session = (project, str(session.session))
        self._session_bytes = quotas.counter("session_bytes", *of_session, ttl_s=SESSION_TTL_S)
        self._session_windows = quotas.counter("windows", *of_session, ttl_s=SESSION_TTL_S)
        self._day, self._day_bytes = -1, list[tuple[str, SharedCounter]]()
        self._minute, self._minute_sessions = -1, list[tuple[str, SharedCounter]]()

    def counters(self) -> list[SharedCounter]:
        """Returns the counters of this day, this minute and this session."""
        now_ms = self._quotas.now_ms()
        found = [*self._of_day(now_ms), *self._of_minute(now_ms)]
        return [self._session_bytes, self._session_windows, *(one for _, one in found)]

    def check(self) -> None:
        """Checks that there is room for any chunk at all.

        Raises:
            ResourceExhausted: No room is left (QUOTA_EXCEEDED, SESSION_FULL).
        """
        self._check_rejected()
        self._check_bytes(1)

    @contextmanager
    def charged(self, size_bytes: int, *, begins_window: bool) -> Iterator[Charge]:
        """Counts a chunk with all quotas that concern it, or with none; takes it back if the block fails.

        Args:
            size_bytes: Size of the payload as sent; the block sets it to the size as stored.
            begins_window: Whether it is the first chunk of its window.

        Raises:
            ResourceExhausted: A quota has no room for it (QUOTA_EXCEEDED, SESSION_FULL).
        """
        charge = Charge(size_bytes)
        if not self._is_limited:
            yield charge
            return
        self._check_rejected()
        self._check_bytes(size_bytes)
        counted = [self._session_bytes, *(one for _, one in self._of_day(self._quotas.now_ms()))]
        begun = self._begun() if begins_window else []
        for counter in counted:
            counter.add(size_bytes)
        for counter in begun:
            counter.add(1)
        try:
            yield charge
        except BaseException:
            for counter in counted:
                counter.add(-size_bytes)
            for counter in begun:
                counter.add(-1)
            raise
        if charge.size_bytes != size_bytes:
            for counter in counted:
                counter.add(charge.size_bytes - size_bytes)

    def check_time(self, last_ms: float) -> None:
        """Checks the time of the last event of a chunk.

        Raises:
            ResourceExhausted: It is more than session_length_s after the session's start (SESSION_FULL).
        """
        limit_s = self._quotas.limits.session_length_s
        if self._is_limited and limit_s and last_ms - self._session.start_ms > limit_s * 1000:
            raise self._quotas.refuse_session("session_length_s")

    def rejected(self, size_bytes: int, cpu_s: float) -> None:
        """Charges the sender for a rejected chunk; once its budget is overdrawn, its further chunks are refused."""
        if self._is_limited:
            for scope, who in self._who:
                self._quotas.charge(f"rejected_bytes_per_minute_{scope}", who, size_bytes)
                self._quotas.charge(f"rejected_cpu_s_per_minute_{scope}", who, cpu_s)

    def _check_rejected(self) -> None:
        for scope, who in self._who:
            for kind in ("rejected_bytes_per_minute", "rejected_cpu_s_per_minute"):
                if wait_s := self._quotas.debt_s(f"{kind}_{scope}", who):
                    raise self._quotas.refuse(f"{kind}_{scope}", wait_s)

    def _check_bytes(self, size_bytes: int) -> None:
        limits, now_ms = self._quotas.limits, self._quotas.now_ms()
        if 0 < limits.bytes_per_session < self._session_bytes.total + size_bytes:
            raise self._quotas.refuse_session("bytes_per_session")
        for scope, counter in self._of_day(now_ms):
            if 0 < getattr(limits, f"bytes_per_day_{scope}") < counter.total + size_bytes:
                raise self._quotas.refuse(f"bytes_per_day_{scope}", (_DAY_MS - now_ms % _DAY_MS) / 1000)

    def _begun(self) -> list[SharedCounter]:
        """Returns the counters of a window that begins, and of its session if it is the first."""
        limits, now_ms = self._quotas.limits, self._quotas.now_ms()
        if 0 < limits.windows_per_session <= self._session_windows.total:
            raise self._quotas.refuse_session("windows_per_session")
        if self._session_windows.total:
            return [self._session_windows]
        sessions = self._of_minute(now_ms)
        for scope, counter in sessions:
            if 0 < getattr(limits, f"sessions_per_minute_{scope}") <= counter.total:
                raise self._quotas.refuse(f"sessions_per_minute_{scope}", (_MINUTE_MS - now_ms % _MINUTE_MS) / 1000)
        return [self._session_windows, *(counter for _, counter in sessions)]

    def _of_day(self, now_ms: int) -> list[tuple[str, SharedCounter]]:
        if now_ms // _DAY_MS != self._day:
            self._day = now_ms // _DAY_MS
            self._day_bytes = self._in_period("bytes", str(self._day), 2 * _DAY_MS / 1000)
        return self._day_bytes

    def _of_minute(self, now_ms: int) -> list[tuple[str, SharedCounter]]:
        if now_ms // _MINUTE_MS != self._minute:
            self._minute = now_ms // _MINUTE_MS
            self._minute_sessions = self._in_period("sessions", str(self._minute), 2 * _MINUTE_S)
        return self._minute_sessions

    def _in_period(self, kind: str, period: str, ttl_s: float) -> list[tuple[str, SharedCounter]]:
        """Returns the counters of the project and the address, which are stored as hashes."""
        return [
            (scope, self._quotas.counter(kind, scope, _digest(who), period, ttl_s=ttl_s)) for scope, who in self._places
        ]


def _digest(who: str) -> str:
    return hashlib.sha256(who.encode(errors="replace")).hexdigest()[:24]
