# SPDX-License-Identifier: MIT
"""Who signs: a person of a service's trust, or the holder of the card at hand."""

from datetime import datetime
from typing import Final

from kortilla.revocation import RevocationChecker
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.validator import read_signer, validate_signer

__all__ = ["OWN_CARD", "OwnCard", "check_signer"]


class OwnCard:
    """The type of ``OWN_CARD``."""

    def __repr__(self) -> str:
        return "OWN_CARD"


#: Pass it as ``trust`` in a program that signs with a card in the user's own reader.
#: Then the certificate's issuer and revocation are not checked, and no CA certificate
#: is needed: the recipients of the signature check them. Never use it in a service.
OWN_CARD: Final = OwnCard()


async def check_signer(
    certificate: bytes,
    *,
    trust: Trust | OwnCard,
    at: datetime | None,
    revocation: RevocationChecker | None,
) -> Identity:
    """Validate a signer's certificate (DER). Raises as ``validate_signer``."""
    if isinstance(trust, OwnCard):
        return read_signer(certificate, at=at)
    return await validate_signer(certificate, trust=trust, at=at, revocation=revocation)
