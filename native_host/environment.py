# SPDX-License-Identifier: MIT
"""Puts together what the configuration names: a source of cards and a prompt."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from native_host.config import Config
from native_host.errors import ConfigBroken

if TYPE_CHECKING:
    from native_host.card.source import CardSource
    from native_host.pin_prompt.prompt import Prompt

__all__ = ["open_prompt", "open_source"]


def open_source(config: Config) -> CardSource:
    """Return the source of cards that is configured.

    Raises ``MockCardBroken`` when the mock card's state can't be used. A mock card that
    does not exist yet is made.
    """
    if config.card == "mock":
        from native_host.mock_card.source import MockCardSource

        return MockCardSource()
    from native_host.card.pcsc import PcscSource

    return PcscSource()


def open_prompt(
    config: Config,
    *,
    window: subprocess.Popen[bytes] | None = None,
    command: Sequence[str] | None = None,
) -> Prompt:
    """Return the prompt that is configured.

    ``window`` is a window process that was started beforehand, ``command`` what starts
    one. Raises ``ConfigBroken`` for automatic answers to any card but the mock.
    """
    if config.prompt == "terminal":
        from native_host.pin_prompt.terminal import TerminalPrompt

        return TerminalPrompt()
    if config.prompt == "automatic":
        if config.card != "mock":
            raise ConfigBroken(
                "prompt = 'automatic' answers for the mock card only: card is "
                f"{config.card!r}."
            )
        from native_host.mock_card.state import default_pins
        from native_host.pin_prompt.automatic import AutomaticPrompt

        return AutomaticPrompt(default_pins())
    from native_host.pin_prompt.spawn import spawn
    from native_host.pin_prompt.window import WindowPrompt

    return WindowPrompt(window or spawn(command))
