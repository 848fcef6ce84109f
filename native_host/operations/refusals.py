# SPDX-License-Identifier: MIT
"""The table of codes that cards have refused: none is sent to its card again."""

import hashlib
from dataclasses import dataclass, field

from native_host.card.certificate import CardCertificate

__all__ = ["Refusals"]


@dataclass(repr=False)
class _Card:
    """What is known of a card: hashes of codes, and the tries that were left then."""

    refused: set[bytes] = field(default_factory=set)
    tries_left: int = 0
    #: What it was sent and has not answered, and the tries before that.
    unanswered: tuple[bytes, int] | None = None


class Refusals:
    """The refused PINs or codes of all cards that are met.

    It keeps hashes of a code and its card's certificate, and no code. Only ``meet``
    forgets any: it is for a table of one PIN, and those who use a table for several
    codes do not call it.
    """

    def __init__(self) -> None:
        self._cards: dict[bytes, _Card] = {}

    def meet(self, certificate: CardCertificate, tries_left: int) -> bool:
        """Take in how many tries a card has, before it is sent anything.

        Returns whether the card has refused the PIN that it did not answer to. A card
        that was pulled out has carried out the command, and lost tries show it. A card
        with more tries than after a refusal has accepted a PIN since. That may be the
        refused one, changed in between, so all refusals of that card are forgotten.
        """
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
        """Note that a card has refused the code that it did not answer to."""
        card = self._card(certificate)
        if card.unanswered is not None:
            card.refused.add(card.unanswered[0])
            card.unanswered = None

    def holds(self, certificate: CardCertificate, code: bytearray) -> bool:
        """Say whether a card has refused a code."""
        return _fingerprint(certificate, code) in self._card(certificate).refused

    def sending(
        self, certificate: CardCertificate, code: bytearray, tries_left: int
    ) -> None:
        """Note that a card with so many tries is sent a code from now on."""
        unanswered = _fingerprint(certificate, code), tries_left
        self._card(certificate).unanswered = unanswered

    def accepted(self, certificate: CardCertificate) -> None:
        """Note that a card has answered what it was sent, and has not refused it."""
        self._card(certificate).unanswered = None

    def refused(
        self, certificate: CardCertificate, code: bytearray, tries_left: int
    ) -> None:
        """Note that a card has refused a code, and has so many tries now."""
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
