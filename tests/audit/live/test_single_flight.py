"""Reads that many want at the same time."""

from __future__ import annotations

import asyncio

import pytest

from services.audit.live.single_flight import SingleFlight


class Storage:
    """Answers with a number that grows, when it is let to."""

    def __init__(self) -> None:
        self.value = 0
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.reads = SingleFlight(self.read)

    async def read(self, key: str) -> int:
        self.asked.append(key)
        found = self.value
        await self.go.wait()
        if key == "broken":
            raise OSError("no storage")
        return found


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_crowd_reads_once():
    storage = Storage()
    crowd = [asyncio.create_task(storage.reads.get("a")) for _ in range(500)]
    await turns()
    storage.go.set()
    assert await asyncio.gather(*crowd) == [0] * 500
    assert storage.asked == ["a"]


async def test_each_key_has_its_own_read():
    storage = Storage()
    storage.go.set()
    await asyncio.gather(storage.reads.get("a"), storage.reads.get("b"))
    assert sorted(storage.asked) == ["a", "b"]


async def test_no_answer_is_older_than_its_question():
    storage = Storage()
    early = asyncio.create_task(storage.reads.get("a"))
    await turns()
    storage.value = 1
    late = [asyncio.create_task(storage.reads.get("a")) for _ in range(3)]
    await turns()
    assert storage.asked == ["a"]  # the second read waits for the first
    storage.go.set()
    assert await early == 0
    assert await asyncio.gather(*late) == [1, 1, 1]
    assert storage.asked == ["a", "a"]


async def test_nothing_is_kept():
    storage = Storage()
    storage.go.set()
    assert await storage.reads.get("a") == 0
    storage.value = 7
    assert await storage.reads.get("a") == 7


async def test_who_leaves_takes_the_answer_from_nobody():
    storage = Storage()
    leaves, stays = (asyncio.create_task(storage.reads.get("a")) for _ in range(2))
    await turns()
    leaves.cancel()
    storage.go.set()
    assert await stays == 0
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_all_who_wait_get_the_failure_and_the_next_one_asks_again():
    storage = Storage()
    storage.go.set()
    both = await asyncio.gather(*(storage.reads.get("broken") for _ in range(2)), return_exceptions=True)
    assert [type(error) for error in both] == [OSError, OSError]
    with pytest.raises(OSError, match="no storage"):
        await storage.reads.get("broken")
    assert storage.asked == ["broken", "broken"]
