# SPDX-License-Identifier: MIT
"""Identify a person to a web service: the Web eID token, signed with PIN1's key.

The card signs ``H(H(origin) ‖ H(challenge))`` and nothing else (web-eid:1.0): no bytes
or digest that a page chose are ever signed with this key.
"""

import base64
import hashlib
from dataclasses import dataclass

from native_host import VERSION
from native_host.card.certificate import CardCertificate
from native_host.card.errors import UnsupportedCardError
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.card.signature import token_algorithm
from native_host.card.source import CardSource
from native_host.operations.activate import ActivationOffer
from native_host.operations.card_session import HeldCard, check_validity, with_card
from native_host.operations.pin import PinAsker, usable_pin
from native_host.operations.prompting import Report, begin, check_cancelled
from native_host.pin_prompt.prompt import Prompt, Step

__all__ = [
    "AuthenticateRequest",
    "authenticate",
    "authentication_key",
    "look_for_authentication",
]

_APP_VERSION = f"https://kortilla.example/releases/{VERSION}"


@dataclass(frozen=True)
class AuthenticateRequest:
    """What a service asks for.

    ``origin`` has passed ``check_origin``; ``challenge_nonce`` is the challenge as its
    base64 text, 44 to 128 characters; ``language`` is ``fi``, ``sv`` or ``en``.
    """

    origin: str
    challenge_nonce: str
    language: str
    started_by_person: bool = True
    caller: str = ""


async def authenticate(
    request: AuthenticateRequest,
    *,
    source: CardSource,
    prompt: Prompt,
    progress: Report = lambda _word, _progress: None,
) -> dict[str, str]:
    """Return the token as the fields of web-eid:1.0.

    ``progress`` is told ``window-open`` and ``signing``. Raises ``UserCancelledError``
    with the reason, and errors of the prompt. The caller closes ``source`` and
    ``prompt``.
    """
    await begin(
        "authenticate",
        request,
        test_card=source.test_card,
        prompt=prompt,
        progress=progress,
    )
    asker = PinAsker(prompt, PinRole.PIN1)
    offer = ActivationOffer(prompt)

    async def work(held_card: HeldCard) -> dict[str, str]:
        return await offer.around(
            held_card,
            lambda: _authenticate(request, held_card, prompt, progress, asker),
        )

    return await with_card(source, prompt, work, look=look_for_authentication)


async def _authenticate(
    request: AuthenticateRequest,
    held_card: HeldCard,
    prompt: Prompt,
    progress: Report,
    asker: PinAsker,
) -> dict[str, str]:
    card = held_card.card
    key, certificate = await prompt.watch(held_card.run(authentication_key, card))
    digest = _digest(request, certificate)

    async def sign(pin: bytearray | None) -> bytes:
        await check_cancelled(prompt)
        prompt.show(Step.SIGNING if pin is not None else Step.PIN_PAD)
        progress("signing", None)
        return await asker.verify_and_sign(
            held_card, pin, key, digest, token_algorithm(certificate.public_key)
        )

    signature = await asker.until_accepted(held_card, certificate, sign)
    return {
        "unverifiedCertificate": base64.b64encode(certificate.der).decode(),
        "algorithm": certificate.algorithm,
        "signature": base64.b64encode(signature).decode(),
        "format": "web-eid:1.0",
        "appVersion": _APP_VERSION,
    }


def authentication_key(card: FineidCard) -> tuple[CardKey, CardCertificate]:
    """Return PIN1's key and its certificate, on the card's thread.

    Raises ``UnsupportedCardError``, ``CardExpiredError`` and what reading raises.
    """
    key = card.key(KeyRole.AUTHENTICATION)
    certificate = card.certificate(key)
    if not certificate.for_authentication:
        raise UnsupportedCardError("The card's certificate is not for identifying.")
    check_validity(certificate)
    return key, certificate


def look_for_authentication(card: FineidCard) -> CardCertificate:
    """Return the certificate that a card would identify with (see ``with_card``)."""
    _, certificate = authentication_key(card)
    usable_pin(card, PinRole.PIN1)
    return certificate


def _digest(request: AuthenticateRequest, certificate: CardCertificate) -> bytes:
    def h(data: bytes) -> bytes:
        return hashlib.new(certificate.hash_name, data).digest()

    origin, nonce = request.origin.encode(), request.challenge_nonce.encode()
    return h(h(origin) + h(nonce))
