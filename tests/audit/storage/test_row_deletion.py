"""The wait for a deletion on an old ClickHouse server: it is made to go on after an error, and gives up at last."""

from __future__ import annotations

import pytest

from services.audit.storage.engine.engine import StorageAway
from services.audit.storage.row_deletion import delete_rows
from services.audit.storage.schema.dialect import Dialect

NEVER_S = 3_600.0


class OldServer:
    """Deletes parts only while it is asked to; remembers the statements."""

    def __init__(self, left: list[int], *, stuck_until: int) -> None:
        self.executed: list[str] = []
        self._left = left
        self._stuck_until = stuck_until

    async def execute(self, statement, params=None) -> None:
        self.executed.append(statement)

    async def query(self, statement, params=None):
        if len(self.executed) >= self._stuck_until and len(self._left) > 1:
            self._left.pop(0)
        return [("mutation_1.txt", self._left[0])] if self._left[0] else []


async def deleted(server, cluster="", **limits):
    await delete_rows(server, Dialect((18, 16), cluster=cluster), "chunks", "x = 1", {}, **limits)
    return server.executed


async def test_a_server_that_makes_progress_is_left_alone():
    server = OldServer([3, 2, 1, 0], stuck_until=0)
    assert await deleted(server, max_idle_s=NEVER_S) == ["ALTER TABLE chunks DELETE WHERE x = 1"]


async def test_a_server_that_stopped_after_an_error_is_made_to_go_on():
    server = OldServer([1, 0], stuck_until=3)
    assert await deleted(server, max_idle_s=0.0) == [
        "ALTER TABLE chunks DELETE WHERE x = 1",
        "ALTER TABLE chunks DELETE WHERE 0",
        "ALTER TABLE chunks DELETE WHERE 0",
    ]


async def test_a_replicated_table_tries_again_by_itself():
    server = OldServer([2], stuck_until=0)
    with pytest.raises(StorageAway):
        await deleted(server, cluster="main", max_idle_s=0.0, max_wait_s=0.2)
    assert len(server.executed) == 1


async def test_a_deletion_without_progress_is_reported():
    with pytest.raises(StorageAway) as caught:
        await deleted(OldServer([2], stuck_until=0), max_idle_s=NEVER_S, max_wait_s=0.0)
    assert "no progress" in caught.value.detail
