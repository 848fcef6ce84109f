# SPDX-License-Identifier: MIT
"""Finds the one card in the readers, reads it and makes its report."""

import asyncio
from typing import Any

from native_host.card.errors import CardMuteError
from native_host.card.source import CardSource
from native_host.card_report.errors import CardReportError, Why
from native_host.card_report.limits import Limits
from native_host.card_report.reading import read_card
from native_host.card_report.report import make_report

__all__ = ["card_report"]


async def card_report(source: CardSource, texts: dict[str, str]) -> dict[str, Any]:
    """Return the report of the card, with the words of a catalogue.

    May be cancelled: no command is sent after that. Raises ``CardReportError`` where
    there is not one card, and what ``read_card`` raises.
    """
    readers = await source.readers()
    there = [each for each in readers if each.atr is not None or each.mute]
    if not there:
        raise CardReportError(Why.NO_CARD if readers else Why.NO_READER)
    if len(there) > 1:
        raise CardReportError(Why.SEVERAL_CARDS)
    if there[0].mute:
        raise CardMuteError("The card does not answer.")
    limits = Limits()
    connection = await source.connect(there[0])
    connection.only_look = True
    try:
        content = await source.run(read_card, connection, limits)
    except asyncio.CancelledError:
        # A command may still run, and hang. The end of the source closes the connection
        # after it, and does not wait forever.
        limits.cancelled.set()
        raise
    except BaseException:
        await asyncio.shield(source.run(connection.close))
        raise
    await asyncio.shield(source.run(connection.close))
    return make_report(content, texts, mock_card=source.test_card)
