# SPDX-License-Identifier: MIT
"""What is shown and asked in a conversation, as plain data.

The window's process imports this too, so nothing heavy may be imported here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["Conversation", "PinQuestion", "Problem", "Step"]


@dataclass(frozen=True)
class Conversation:
    """What a prompt is opened for. It stays the same until the prompt is closed.

    ``origin`` is the ASCII origin that is signed, byte for byte; the prompt shows the
    international form beside it. ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request: the
    window then takes no focus. ``test_card`` puts up the visible test-card mark.
    """

    operation: Literal["authenticate"]
    origin: str
    language: str
    test_card: bool
    started_by_person: bool = True


class Step(StrEnum):
    """What the program is doing while the person has nothing to answer."""

    WAITING_FOR_READER = "waiting-for-reader"
    WAITING_FOR_CARD = "waiting-for-card"
    READING = "reading"
    SIGNING = "signing"
    EXPIRED = "expired"  # the page stopped waiting; the window stays readable
    DONE = "done"


@dataclass(frozen=True)
class Problem:
    """What stands in the way, shown beside a waiting step.

    ``code`` is the code of an error of ``native_host.card.errors``
    (``UNSUPPORTED_CARD``, ``CARD_REMOVED``, ``CARD_MUTE``, ``CARD_BUSY``,
    ``PIN_BLOCKED``, ``CARD_EXPIRED``, ``PCSC_UNAVAILABLE``, …). ``detail`` names what
    was found, where that is known ("S4-2 organisation card").
    """

    code: str
    detail: str = ""


@dataclass(frozen=True)
class PinQuestion:
    """One asking for a PIN, which is also the consent to what the window shows.

    ``tries_left`` is what the card said just before. ``wrong`` says that the card has
    refused the PIN typed before; ``repeated`` that the very PIN it had refused was
    typed again and was not sent. ``min_length`` and ``max_length`` are in digits.
    """

    role: Literal["PIN1", "PIN2"]
    name: str
    satu: str
    tries_left: int
    wrong: bool = False
    repeated: bool = False
    min_length: int = 4
    max_length: int = 12
