# SPDX-License-Identifier: MIT
"""The first task that ends wins, and none of the others goes on."""

import asyncio

import pytest

from native_host.platform.tasks import race


async def give() -> str:
    return "result"


async def fail() -> str:
    raise ValueError("error")


async def test_the_leftmost_that_has_ended_counts() -> None:
    assert await race(asyncio.Event().wait(), give()) == "result"
    assert await race(give(), fail()) == "result"
    for contest in (race(fail(), give()), race(asyncio.Event().wait(), fail())):
        with pytest.raises(ValueError, match="error"):
            await contest


@pytest.mark.parametrize("end", ["another wins", "the caller is cancelled"])
async def test_the_others_have_ended_when_it_returns(end: str) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    if end == "another wins":
        await race(forever(), begun.wait())
    else:
        task = asyncio.create_task(race(forever(), asyncio.Event().wait()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended.is_set()
