# SPDX-License-Identifier: MIT
"""The first task that ends wins, and none of the others goes on."""

import asyncio

import pytest

from native_host.tasks import race


async def test_the_result_of_the_first_is_returned_and_the_others_are_cancelled() -> (
    None
):
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def brief() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await race(forever(), brief()) == "done"
    assert ended == ["cancelled"]


async def test_the_error_of_the_first_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await race(asyncio.Event().wait(), fail())


@pytest.mark.parametrize("first", ["result", "error"])
async def test_of_several_that_have_ended_the_leftmost_counts(first: str) -> None:
    async def give() -> str:
        return "result"

    async def fail() -> str:
        raise ValueError("error")

    if first == "result":
        assert await race(give(), fail()) == "result"
    else:
        with pytest.raises(ValueError, match="error"):
            await race(fail(), give())


async def test_a_caller_who_is_cancelled_leaves_nothing_running() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(race(forever(), asyncio.Event().wait()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
