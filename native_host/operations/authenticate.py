# SPDX-License-Identifier: MIT
"""Identify a person to a web service: the Web eID token, signed with PIN1's key.

The card signs only ``H(H(origin) ‖ H(challenge))`` (web-eid:1.0). This key never signs
bytes or a digest that a page has chosen.
"""

import hashlib
import re
from dataclasses import dataclass

from native_host.card.certificate import CardCertificate
from native_host.card.errors import UnsupportedCardError
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.errors import InvalidArgumentError
from native_host.operations.card_access.card_session import UsableCards, check_validity
from native_host.operations.pin import PinAsker, prefer_usable
from native_host.operations.request import Context, Request, begin
from native_host.state.history import recorded

#: A challenge as its base64 text (Web eID).
_CHALLENGE_NONCE = re.compile(r"[A-Za-z0-9+/=_-]{44,128}")


@dataclass(frozen=True, kw_only=True)
class AuthenticateRequest(Request):
    """A service's request to identify.

    ``challenge_nonce`` is the challenge as its base64 text, 44 to 128 characters.
    """

    challenge_nonce: str

    def check(self) -> None:
        """Raise ``InvalidArgumentError`` for an invalid challenge."""
        if not _CHALLENGE_NONCE.fullmatch(self.challenge_nonce):
            raise InvalidArgumentError(
                "The challenge must be 44 to 128 characters of base64."
            )


@dataclass(frozen=True)
class AuthenticationToken:
    """A certificate's signature over an origin and a challenge (web-eid:1.0)."""

    certificate: CardCertificate
    signature: bytes

    @property
    def algorithm(self) -> str:
        """The JWA name of the signature's algorithm."""
        return self.certificate.algorithm.name


async def authenticate(
    context: Context, request: AuthenticateRequest
) -> AuthenticationToken:
    """Ask for consent and PIN1, and return the token.

    The progress is ``window-open`` and ``signing``. Raises ``InvalidArgumentError``,
    ``UserCancelledError`` with the reason, and errors of the prompt.
    """
    request.check()
    with recorded("identify", request.origin):
        return await _authenticate(context, request)


async def _authenticate(
    context: Context, request: AuthenticateRequest
) -> AuthenticationToken:
    await begin("authenticate", context, request)
    asker = PinAsker(context, PinRole.PIN1)
    async for held_card in UsableCards(context, look=look_for_authentication):
        async with held_card:
            await asker.resume_activation(held_card)
            key, certificate = await context.prompt.watch(
                held_card.run(authentication_key, held_card.card)
            )
            digest = _digest(request, certificate)
            async for attempt in asker.tries(held_card, certificate):
                async with attempt:
                    await attempt.show()
                    context.progress("signing", None)
                    signature = await attempt.sign(key, digest, certificate.algorithm)
    return AuthenticationToken(certificate, signature)


def authentication_key(card: FineidCard) -> tuple[CardKey, CardCertificate]:
    """Return PIN1's key and its certificate, on the card's thread.

    Raises ``UnsupportedCardError``, ``CardExpiredError`` and the errors of reading.
    """
    key = card.key(KeyRole.AUTHENTICATION)
    certificate = card.certificate(key)
    if not certificate.for_authentication:
        raise UnsupportedCardError("The card's certificate is not for identifying.")
    check_validity(certificate)
    return key, certificate


def look_for_authentication(card: FineidCard) -> CardCertificate:
    """Return a card's authentication certificate (see ``UsableCards``)."""
    _, certificate = authentication_key(card)
    return prefer_usable(card, PinRole.PIN1, certificate)


def _digest(request: AuthenticateRequest, certificate: CardCertificate) -> bytes:
    name = certificate.algorithm.hash_function.replace("-", "")

    def h(data: bytes) -> bytes:
        return hashlib.new(name, data).digest()

    origin, nonce = request.origin.encode(), request.challenge_nonce.encode()
    return h(h(origin) + h(nonce))
