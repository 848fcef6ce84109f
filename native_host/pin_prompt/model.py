# SPDX-License-Identifier: MIT
"""What is shown and asked in a conversation, as plain data.

The window's process imports this too, so nothing heavy may be imported here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = [
    "CardChoice",
    "CodeField",
    "CodesQuestion",
    "ConsentQuestion",
    "Conversation",
    "Document",
    "Operation",
    "PinQuestion",
    "Problem",
    "Progress",
    "Step",
]

#: What a window is for; each has texts and looks of its own.
Operation = Literal[
    "authenticate",
    "signing-certificate",
    "sign",
    "activate",
    "change-pin",
    "unblock",
    "tls-login",
    "prepare-login",
]


@dataclass(frozen=True)
class Conversation:
    """What a prompt is opened for. It stays the same until the prompt is closed.

    ``origin`` is the ASCII origin that is signed, byte for byte; the prompt shows the
    international form beside it. ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request: the
    window then takes no focus. ``test_card`` puts up the visible test-card mark.

    ``program`` is the calling program as the person knows it, where a program asks and
    no site does (``tls-login``, ``prepare-login``; ``origin`` is then empty). At most
    40 characters of it are shown.

    ``caller`` is the program that a request came from, where that is no browser that is
    known. It may be any, and what it says of the origin may be untrue.
    """

    operation: Operation
    origin: str
    language: str
    test_card: bool
    started_by_person: bool = True
    program: str = ""
    caller: str = ""


@dataclass(frozen=True)
class CodeField:
    """One code to be typed, by ``name``.

    ``activation``: the code in the letter; ``PUK``; ``old``: the PIN as it is;
    ``new-PIN1`` and ``new-PIN2``: chosen by the person and typed twice. ``lengths`` are
    the numbers of digits that may be typed.
    """

    name: Literal["activation", "PUK", "old", "new-PIN1", "new-PIN2"]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class CodesQuestion:
    """One asking for the codes of ``operation``, whose texts and looks the page has.

    ``at_risk`` is whose try a wrong code costs on this card, and ``tries_left`` what
    the card said of it just before; with one left the person confirms explicitly.
    ``wrong`` and ``repeated`` are as in ``PinQuestion``. ``done`` are the PINs that are
    set by now, ``pin`` the one that is changed or unlocked. ``in_doubt`` says that the
    card was pulled out before it could say whether it has set the new PIN: either may
    be right now. ``pin_pad`` and ``pad_problem`` are as in ``PinQuestion``; on a pin
    pad the fields say how many digits it takes.
    """

    operation: Operation
    fields: tuple[CodeField, ...]
    name: str
    satu: str
    at_risk: Literal["PIN1", "PIN2", "PUK"]
    tries_left: int
    pin: Literal["", "PIN1", "PIN2"] = ""
    done: tuple[Literal["PIN1", "PIN2"], ...] = ()
    wrong: bool = False
    repeated: bool = False
    in_doubt: bool = False
    pin_pad: bool = False
    pad_problem: Literal["", "timed-out", "length", "different"] = ""
    test_card: bool = False


class Step(StrEnum):
    """What the program is doing while the person has nothing to answer."""

    WAITING_FOR_READER = "waiting-for-reader"
    WAITING_FOR_CARD = "waiting-for-card"
    RECEIVING = "receiving"  # the page hands documents over; has progress in bytes
    READING = "reading"
    PIN_PAD = "pin-pad"  # the person types on the reader
    SIGNING = "signing"  # has progress in signatures where there are several
    READY = (
        "ready"  # the PIN is right and kept for one login; the window stays readable
    )
    EXPIRED = "expired"  # the page stopped waiting; the window stays readable
    FAILED = "failed"  # the page has its answer; the window stays readable
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
class Progress:
    """How far a step has got: ``done`` of ``total`` bytes or signatures."""

    done: int
    total: int


@dataclass(frozen=True)
class CardChoice:
    """One of several cards to choose from, by its reader and its holder."""

    reader: str
    name: str
    satu: str


@dataclass(frozen=True)
class Document:
    """One thing to be signed, as it is shown.

    ``name`` is the site's. ``digest`` is in hexadecimal digits, ``hash_function`` in
    Web eID's spelling (``SHA-384``). A document that was handed over has its ``size``
    in bytes, its ``media_type`` as the site names it, and the ``path`` of a private
    copy; of a bare hash nothing but the name is known, and that is the site's claim.
    """

    name: str
    hash_function: str
    digest: str
    size: int | None = None
    media_type: str = ""
    path: str | None = None


@dataclass(frozen=True)
class ConsentQuestion:
    """One asking for consent without a PIN: to hand over the signing certificate.

    ``test_card`` puts up the test-card mark where the conversation has not.
    """

    name: str
    satu: str
    test_card: bool = False


@dataclass(frozen=True)
class PinQuestion:
    """One asking for a PIN, which is also the consent to what the window shows.

    ``tries_left`` is what the card said just before. ``wrong`` says that the card has
    refused the PIN typed before; ``repeated`` that the very PIN it had refused was
    typed again and was not sent. ``min_length`` and ``max_length`` are in digits.
    ``documents`` are what PIN2 signs. With ``pin_pad`` the PIN is typed on the reader
    after the person has agreed in the prompt, and ``pad_problem`` says why the reader
    gave none the last time (``timed-out``, ``length``). ``test_card`` puts up the
    test-card mark where the conversation has not: a mock card in a reader of the system
    is known by its certificate alone.
    """

    role: Literal["PIN1", "PIN2"]
    name: str
    satu: str
    tries_left: int
    wrong: bool = False
    repeated: bool = False
    min_length: int = 4
    max_length: int = 12
    documents: tuple[Document, ...] = ()
    pin_pad: bool = False
    pad_problem: Literal["", "timed-out", "length"] = ""
    test_card: bool = False
