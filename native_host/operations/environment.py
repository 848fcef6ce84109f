# SPDX-License-Identifier: MIT
"""Opens the source of cards and the prompt that the configuration names.

``run_with_prompt`` runs an operation with that prompt, which a signal ends.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from native_host.config import Config
from native_host.errors import ConfigBrokenError
from native_host.platform import system

if TYPE_CHECKING:
    from kortilla.mock_card.card_data import CardData
    from kortilla.mock_card.state import MockCardState
    from native_host.card.source import CardSource
    from native_host.pin_prompt.prompt import Prompt

T = TypeVar("T")
#: Opens the configured prompt, once.
OpenPrompt = Callable[[], "Prompt"]


def open_source(config: Config) -> CardSource:
    """Return the configured source of cards.

    Raises ``MockCardBrokenError`` if the mock card's state can't be used. A missing
    mock card is created.
    """
    if config.card == "mock":
        from native_host.card.mock_source import MockCardSource

        return MockCardSource(_mock_card().folder)
    from native_host.card.pcsc import PcscSource

    return PcscSource()


def open_prompt(
    config: Config,
    *,
    window: subprocess.Popen[bytes] | None = None,
    command: Sequence[str] | None = None,
) -> Prompt:
    """Return the configured prompt.

    ``window`` is a window process that was started in advance, ``command`` starts one.
    Raises ``ConfigBrokenError`` for automatic answers to any card but the mock.
    """
    if config.prompt == "terminal":
        from native_host.pin_prompt.terminal import TerminalPrompt

        return TerminalPrompt()
    if config.prompt == "automatic":
        if config.card != "mock":
            raise ConfigBrokenError(
                "prompt = 'automatic' answers for the mock card only: card is "
                f"{config.card!r}."
            )
        from native_host.pin_prompt.automatic import AutomaticPrompt

        return AutomaticPrompt(_codes(_mock_card().read()))
    from native_host.pin_prompt.spawn import spawn
    from native_host.pin_prompt.window import WindowPrompt

    return WindowPrompt(window or spawn(command))


def run_with_prompt(config: Config, work: Callable[[OpenPrompt], Awaitable[T]]) -> T:
    """Run ``work``, which opens the prompt; it is closed at the end.

    A signal cancels as the person would, so that the obstacle and the signatures so far
    are reported. A second signal ends it at once. Raises ``KeyboardInterrupt``.
    """

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

        system.on_signals(end, signal.SIGINT, signal.SIGTERM, system.HANGUP)
        try:
            return await work(open_it)
        finally:
            if prompt is not None:
                await prompt.close()

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _codes(card: CardData) -> dict[str, str]:
    """Return the mock card's PINs and codes, by the prompt's names.

    PINs that were never set get the values of a new active card.
    """
    codes = {"PUK": card.puk.value, "CAN": card.can}
    for name, pin, usual in (
        ("PIN1", card.pin1, "1234"),
        ("PIN2", card.pin2, "123456"),
    ):
        codes[name] = pin.value if pin.changed else usual
        if not pin.changed and pin.tries:
            codes["activation"] = pin.value
    return codes


def _mock_card() -> MockCardState:
    """Open the mock card; create it if a tester has not yet."""
    from kortilla.mock_card.state import MockCardState
    from native_host.card.mock_source import host_errors

    with host_errors():
        return MockCardState.open_or_create()
