# SPDX-License-Identifier: MIT
"""All certificates of a card."""

from contextlib import suppress

from native_host.card.certificate import CardCertificate
from native_host.card.errors import UnsupportedCardError
from native_host.card.fineid import CardKey, FineidCard


def certificates_of(card: FineidCard) -> dict[CardKey, CardCertificate]:
    """Return the certificates of a card's keys, except for keys that have none."""
    keys, found = card.keys(), {}
    for key in keys:
        with suppress(UnsupportedCardError):
            found[key] = card.certificate(key)
    return found
