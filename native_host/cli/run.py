# SPDX-License-Identifier: MIT
"""Runs an operation that asks a person, and that a signal can end at any time."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from native_host.config import Config
from native_host.environment import open_prompt
from native_host.hardening import harden
from native_host.pin_prompt.prompt import Prompt

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


#: Opens the configured prompt, once.
OpenPrompt = Callable[[], Prompt]


def run_with_prompt(config: Config, work: Callable[[OpenPrompt], Awaitable[T]]) -> T:
    """Run ``work``, which opens the prompt; it is closed at the end.

    A signal cancels as the person would, so that the obstacle and the signatures so far
    are reported. A second signal ends it at once. Raises ``KeyboardInterrupt``.
    """
    harden()

    async def main() -> T:
        prompt: Prompt | None = None
        task = asyncio.current_task()

        def open_it() -> Prompt:
            nonlocal prompt
            prompt = open_prompt(config)
            return prompt

        def end() -> None:
            if not (prompt and prompt.cancel()) and task is not None:
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, end)
        try:
            return await work(open_it)
        finally:
            if prompt is not None:
                await prompt.close()

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
