"""Cancellations that the awaited code swallows, or turns into another error."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime.cancellation import keeping_cancellation


async def swallowing() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "as if nothing had been"
    return ""


async def failing() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ConnectionError("while it was closed") from None


@pytest.mark.parametrize("awaited", [swallowing, failing])
async def test_a_cancellation_stays_one(awaited):
    async def call() -> None:
        with keeping_cancellation():
            await awaited()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("awaited", [swallowing, failing])
async def test_a_timeout_around_it_is_one(awaited):
    async def call() -> None:
        with keeping_cancellation():
            await awaited()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await call()


async def test_a_timeout_inside_is_none_of_its_cancellations():
    with keeping_cancellation():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        async with asyncio.timeout(0.01):
            assert await swallowing() == "as if nothing had been"


async def test_other_errors_and_results_pass():
    with keeping_cancellation():
        assert await asyncio.sleep(0, "done") == "done"
    with pytest.raises(ConnectionError), keeping_cancellation():
        raise ConnectionError
