# SPDX-License-Identifier: MIT
"""The table of codes that cards have refused: none is sent to its card again."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from native_host.card.certificate import CardCertificate
from native_host.card.pins import ALL_TRIES


@dataclass(repr=False)
class _Card:
    """A card's entry: hashes of refused codes, and the tries left then."""

    refused: set[bytes] = field(default_factory=set)
    tries_left: int = 0
    #: The code without a response yet, and the tries left before it.
    unanswered: tuple[bytes, int] | None = None


class Refusals:
    """The refused PINs or codes of all cards in an operation.

    It keeps hashes of a code and its card's certificate, and no code. Only ``meet``
    deletes entries. It is for a table of one PIN; tables for several codes do not use
    it. ``told`` gets a card's certificate and tries left each time they are known.
    """

    def __init__(
        self, told: Callable[[CardCertificate, int], None] = lambda *_: None
    ) -> None:
        self._cards: dict[bytes, _Card] = {}
        self._told = told

    def meet(self, certificate: CardCertificate, tries_left: int) -> bool:
        """Update the table with a card's tries left, before the card is sent anything.

        Returns whether the card has refused the PIN to which it did not respond. A card
        that was removed may have executed the command; a lost try shows this. A card
        with more tries than after a refusal has accepted a PIN since. That may be the
        refused one, changed in between, so all refusals of that card are deleted.
        """
        self._told(certificate, tries_left)
        card = self._card(certificate)
        unanswered, card.unanswered = card.unanswered, None
        if card.refused and tries_left > card.tries_left:
            card.refused.clear()
        if unanswered is None:
            return False
        code, tries_before = unanswered
        if tries_left >= tries_before:
            return False
        card.refused.add(code)
        card.tries_left = tries_left
        return True

    def unanswered_refused(self, certificate: CardCertificate) -> None:
        """Record that a card has refused the code to which it did not respond."""
        card = self._card(certificate)
        if card.unanswered is not None:
            card.refused.add(card.unanswered[0])
            card.unanswered = None

    def holds(self, certificate: CardCertificate, code: bytearray) -> bool:
        return _fingerprint(certificate, code) in self._card(certificate).refused

    def sending(
        self, certificate: CardCertificate, code: bytearray, tries_left: int
    ) -> None:
        """Record that a code is now being sent to a card with so many tries left."""
        unanswered = _fingerprint(certificate, code), tries_left
        self._card(certificate).unanswered = unanswered

    def accepted(self, certificate: CardCertificate) -> None:
        """Record that a card has responded to a code and has not refused it."""
        self._told(certificate, ALL_TRIES)
        self._card(certificate).unanswered = None

    def refused(
        self, certificate: CardCertificate, code: bytearray, tries_left: int
    ) -> None:
        """Record that a card has refused a code, with so many tries left."""
        self._told(certificate, tries_left)
        card = self._card(certificate)
        card.unanswered = None
        card.refused.add(_fingerprint(certificate, code))
        card.tries_left = tries_left

    def _card(self, certificate: CardCertificate) -> _Card:
        return self._cards.setdefault(certificate.der, _Card())


def _fingerprint(certificate: CardCertificate, code: bytearray) -> bytes:
    """Hash a code of one card; no copy of the code is made."""
    hashed = hashlib.sha256(certificate.der)
    hashed.update(code)
    return hashed.digest()
