# SPDX-License-Identifier: MIT
"""A program that is to end cancels in the person's place."""

import asyncio

import pytest

from native_host.errors import UserCancelledError
from tests.pin_prompt.conftest import a_conversation, a_question
from tests.pin_prompt.test_window_prompt import TO_THE_END, VISIBLE, scripted


async def test_a_question_ends_and_later_ones_too() -> None:
    async with scripted(VISIBLE + TO_THE_END) as (prompt, _):
        assert not prompt.cancel()  # it has not begun
        await prompt.open(a_conversation())
        asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        assert prompt.cancel()
        with pytest.raises(UserCancelledError):
            await asking
        with pytest.raises(UserCancelledError):
            await prompt.check_cancelled()
        assert not prompt.cancel()
