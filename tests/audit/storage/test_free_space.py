"""The floor of free disk space: when nothing new is recorded, and when it is again."""

from __future__ import annotations

import pytest

from services.audit.storage.engine.engine import DiskUsage, StorageAway, StorageFull
from services.audit.storage.free_space import FLOOR_BYTES, FreeSpace, floor_of

GIB = 2**30


class Disk:
    def __init__(self, usage):
        self.usage = usage

    async def __call__(self):
        if isinstance(self.usage, Exception):
            raise self.usage
        return self.usage


@pytest.mark.parametrize(
    ("total_bytes", "setting", "floor"),
    [
        (100 * GIB, None, FLOOR_BYTES),
        (20 * GIB, None, FLOOR_BYTES),
        (GIB, None, round(GIB * 0.05)),
        (GIB, 7, 7),
        (GIB, 0, 0),
    ],
)
def test_the_floor(total_bytes, setting, floor):
    assert floor_of(DiskUsage(0, total_bytes), setting) == floor


async def test_below_the_floor_nothing_new_is_stored_until_there_is_space_again():
    disk = Disk(DiskUsage(10 * GIB, 100 * GIB))
    space, ended = FreeSpace(disk, None), []
    space.on_low = lambda: ended.append(space.is_low)
    await space.refresh()
    space.require()
    disk.usage = DiskUsage(GIB - 1, 100 * GIB)
    await space.refresh()
    await space.refresh()
    assert ended == [True], "once for each time that the space becomes low"
    with pytest.raises(StorageFull) as caught:
        space.require()
    assert (caught.value.reason, caught.value.retry_after_s) == ("STORAGE_FULL", 30.0)
    assert str(GIB - 1) not in caught.value.message, "callers learn nothing about the disk"
    disk.usage = DiskUsage(GIB, 100 * GIB)
    await space.refresh()
    space.require()


async def test_no_floor():
    space = FreeSpace(Disk(DiskUsage(0, GIB)), 0)
    await space.refresh()
    space.require()


@pytest.mark.parametrize("usage", [None, DiskUsage(GIB, GIB)])
async def test_an_insert_without_space_counts_whatever_the_disk_says(usage):
    space = FreeSpace(Disk(usage), None)
    await space.refresh()
    space.insert_failed()
    await space.refresh()
    with pytest.raises(StorageFull):
        space.require()
    space.insert_succeeded()
    space.require()


async def test_the_last_known_usage_remains_when_the_disk_cannot_be_read():
    disk = Disk(DiskUsage(0, GIB))
    space = FreeSpace(disk, None)
    await space.refresh()
    for error in (StorageAway("no answer"), OSError("no such directory")):
        disk.usage = error
        await space.refresh()
        assert space.is_low
