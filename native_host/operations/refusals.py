# SPDX-License-Identifier: MIT
"""Which PINs cards have refused, so that none is sent to its card again."""

import hashlib
from dataclasses import dataclass, field

from native_host.card.certificate import CardCertificate

__all__ = ["Refusals"]


@dataclass(repr=False)
class _Card:
    """What is known of a card: hashes of PINs, and the tries that were left then."""

    refused: set[bytes] = field(default_factory=set)
    tries_left: int = 0
    #: What it was sent and has not answered, and the tries before that.
    unanswered: tuple[bytes, int] | None = None


class Refusals:
    """The refused ones of one of the PINs, of all cards that are met.

    No PIN is kept, but a hash of it together with the card's certificate. A card that
    has more tries than after it refused a PIN has accepted one since, which may be that
    very one: it is told of nothing before that.
    """

    def __init__(self) -> None:
        self._cards: dict[bytes, _Card] = {}

    def meet(self, certificate: CardCertificate, tries_left: int) -> bool:
        """Take in how many tries a card has, before it is sent anything.

        Returns whether the PIN that it did not answer to was refused, which lost tries
        tell: a card that was pulled out did what it was told, and could not say so.
        """
        card = self._card(certificate)
        unanswered, card.unanswered = card.unanswered, None
        if card.refused and tries_left > card.tries_left:
            card.refused.clear()
        if unanswered is None:
            return False
        pin, tries_before = unanswered
        if tries_left >= tries_before:
            return False
        card.refused.add(pin)
        card.tries_left = tries_left
        return True

    def holds(self, certificate: CardCertificate, pin: bytearray) -> bool:
        """Say whether a card has refused a PIN."""
        return _fingerprint(certificate, pin) in self._card(certificate).refused

    def sending(
        self, certificate: CardCertificate, pin: bytearray, tries_left: int
    ) -> None:
        """Note that a card with so many tries is sent a PIN from now on."""
        unanswered = _fingerprint(certificate, pin), tries_left
        self._card(certificate).unanswered = unanswered

    def accepted(self, certificate: CardCertificate) -> None:
        """Note that a card has accepted what it was sent."""
        self._card(certificate).unanswered = None

    def refused(
        self, certificate: CardCertificate, pin: bytearray, tries_left: int
    ) -> None:
        """Note that a card has refused a PIN, and has so many tries now."""
        card = self._card(certificate)
        card.unanswered = None
        card.refused.add(_fingerprint(certificate, pin))
        card.tries_left = tries_left

    def _card(self, certificate: CardCertificate) -> _Card:
        return self._cards.setdefault(certificate.der, _Card())


def _fingerprint(certificate: CardCertificate, pin: bytearray) -> bytes:
    """Return what tells a PIN of one card from others; no copy of it is made."""
    hashed = hashlib.sha256(certificate.der)
    hashed.update(pin)
    return hashed.digest()
