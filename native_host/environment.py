# SPDX-License-Identifier: MIT
"""Opens the source of cards and the prompt that the configuration names."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from native_host.config import Config
from native_host.errors import ConfigBrokenError

if TYPE_CHECKING:
    from kortilla.mock_card.card_data import CardData
    from kortilla.mock_card.state import MockCardState
    from native_host.card.source import CardSource
    from native_host.pin_prompt.prompt import Prompt


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


def _codes(card: CardData) -> dict[str, str]:
    """Return the mock card's PINs and codes, by the prompt's names.

    PINs that were never set get the values of a new active card.
    """
    codes = {"PUK": card.puk.value}
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
