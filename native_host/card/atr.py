# SPDX-License-Identifier: MIT
"""Identifies a card by its answer to reset (ISO/IEC 7816-3 §8).

See docs/reference/card.md, "Generations" and "Answer to reset".

Historical bytes identify FINEID cards. A table of complete ATRs would be outdated with
each chip revision, and a search for a pattern anywhere in them would match other cards.
"""

from dataclasses import dataclass
from enum import Enum

from native_host.card.errors import CardError, CardKind, UnsupportedCardError

_MAX_ATR = 33  # TS and at most 32 more (ISO/IEC 7816-3 §8.2.1)

# Historical bytes: category, then card service data and pre-issuing data of Thales
# (formerly Gemalto) MultiApp cards, whose next byte is the generation.
_MULTIAPP = bytes.fromhex("8031B865B085")
_S4_2 = bytes.fromhex("0031B864")  # Idemia (formerly Oberthur)
_SETCOS = bytes.fromhex("8062")

# Interface bytes that PC/SC part 3 §3.1.3.2.3 constructs for a contactless card.
_CONTACTLESS = bytes.fromhex("8001")


class Generation(Enum):
    """The FINEID citizen cards in circulation."""

    MULTIAPP_V4 = 0x04
    MULTIAPP_V5 = 0x05


class AtrError(CardError):
    """An answer to reset does not have the form of ISO/IEC 7816-3."""


@dataclass(frozen=True)
class Atr:
    """The required parts of an answer to reset.

    ``interface`` holds the interface bytes TA1, TB1, … as received.
    """

    interface: bytes
    historical: bytes

    @property
    def contactless(self) -> bool:
        """Whether PC/SC constructed the ATR for a card on the contactless side."""
        return self.interface == _CONTACTLESS


def parse_atr(atr: bytes) -> Atr:
    """Parse an answer to reset. Raises ``AtrError``.

    The check byte TCK is ignored: the reader has verified it, and a responding card
    should not be rejected for a wrong checksum.
    """
    if not 2 <= len(atr) <= _MAX_ATR:
        raise AtrError(f"An answer to reset of {len(atr)} bytes is no such thing.")
    if atr[0] not in {0x3B, 0x3F}:
        raise AtrError(f"An answer to reset begins with {atr[0]:02X}.")
    position, indicator = 2, atr[1]
    while True:
        # Bits 5 to 8 of T0 and of each TDi say which of TA, TB, TC, TD follow.
        position += (indicator >> 4).bit_count()
        if position > len(atr):
            raise AtrError("An answer to reset ends within its interface bytes.")
        if not indicator & 0x80:
            break
        indicator = atr[position - 1]
    end = position + (atr[1] & 0x0F)
    if end > len(atr):
        raise AtrError("An answer to reset ends within its historical bytes.")
    return Atr(atr[2:position], atr[position:end])


def is_contactless(atr: bytes) -> bool:
    """Whether a card lies on the contactless side of a reader, as far as it tells."""
    try:
        return parse_atr(atr).contactless
    except AtrError:
        return False


def identify(atr: bytes, *, contactless: bool = False) -> Generation:
    """Return the generation of a citizen card. Raises ``UnsupportedCardError``.

    With ``contactless``, one on the contactless side of a reader is accepted, too. The
    error's ``kind`` names the card if the ATR identifies it. A bank card's ATR, for
    example, does not (see ``FineidCard``).
    """
    try:
        parsed = parse_atr(atr)
    except AtrError as error:
        raise UnsupportedCardError(
            "This card is not a FINEID citizen card: its answer to reset is odd."
        ) from error
    historical = parsed.historical
    multiapp = historical.startswith(_MULTIAPP)
    if parsed.contactless and not (contactless and multiapp):
        if multiapp:
            raise UnsupportedCardError(
                "The card lies on the contactless side of the reader, which nothing "
                "here may open.",
                kind=CardKind.CONTACTLESS,
            )
        raise _unsupported(CardKind.CONTACTLESS_OTHER)
    if multiapp and len(historical) > len(_MULTIAPP):
        number = historical[len(_MULTIAPP)]
        if number == 0x03:
            raise _unsupported(CardKind.MULTIAPP_V3)
        try:
            return Generation(number)
        except ValueError:
            raise _unsupported(CardKind.UNKNOWN_GENERATION) from None
    if historical.startswith(_S4_2):
        raise _unsupported(CardKind.ORGANISATION)
    if historical.startswith(_SETCOS) and historical[2:3] and historical[2] >> 4 == 1:
        raise _unsupported(CardKind.SETCOS)
    raise _unsupported(CardKind.UNKNOWN)


def _unsupported(kind: CardKind) -> UnsupportedCardError:
    what = f" but another kind: {kind}" if kind else ""
    return UnsupportedCardError(
        f"This card is not a FINEID citizen card{what}.", kind=kind
    )
