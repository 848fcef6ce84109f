# SPDX-License-Identifier: MIT
"""To come."""

from native_host.card.keys import PinRole
from native_host.card.source import CardSource
from native_host.operations.conversation import Report
from native_host.operations.manage import ManageRequest, PinsSet
from native_host.pin_prompt.prompt import Prompt

__all__ = ["ManageRequest", "PinRole", "PinsSet", "activate"]


async def activate(
    request: ManageRequest,
    *,
    source: CardSource,
    prompt: Prompt,
    progress: Report = lambda _word, _progress: None,
) -> PinsSet:
    """Raise ``NotImplementedError`` for now."""
    raise NotImplementedError
