# SPDX-License-Identifier: MIT
"""Identify a person to a web service: the Web eID token, signed with PIN1's key.

The card signs ``H(H(origin) ‖ H(challenge))`` and nothing else (web-eid:1.0): no bytes
or digest that a page chose are ever signed with this key.
"""

import base64
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from native_host import VERSION
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardNotActivated, PinBlocked, WrongPin
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.card.signature import token_algorithm
from native_host.card.source import CardSource
from native_host.operations.card_session import CardAtHand, check_validity, with_card
from native_host.pin_prompt.prompt import Conversation, PinQuestion, Prompt, Step

__all__ = ["AuthenticateRequest", "authenticate"]

logger = logging.getLogger(__name__)

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


async def authenticate(
    request: AuthenticateRequest,
    *,
    source: CardSource,
    prompt: Prompt,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, str]:
    """Return the token as the fields of web-eid:1.0.

    ``progress`` is told ``window-open`` and ``signing``: nothing that says whether
    there is a reader or a card. Raises ``UserCancelled`` with the reason, and errors of
    the prompt. The caller closes ``source`` and ``prompt``.
    """
    await prompt.open(
        Conversation(
            operation="authenticate",
            origin=request.origin,
            language=request.language,
            test_card=source.test_card,
            started_by_person=request.started_by_person,
        )
    )
    progress("window-open")
    if not request.started_by_person:
        await prompt.ask_started()

    refused: set[bytes] = set()

    async def sign(at_hand: CardAtHand) -> dict[str, str]:
        return await _sign(request, at_hand, prompt, progress, refused)

    return await with_card(source, prompt, sign)


async def _sign(
    request: AuthenticateRequest,
    at_hand: CardAtHand,
    prompt: Prompt,
    progress: Callable[[str], None],
    refused: set[bytes],
) -> dict[str, str]:
    card = at_hand.card
    key = await prompt.watch(at_hand.run(card.key, KeyRole.AUTHENTICATION))
    certificate = await prompt.watch(at_hand.run(card.certificate, key))
    check_validity(certificate)
    info = await prompt.watch(at_hand.run(card.pin_info, PinRole.PIN1))
    if info.tries_left == 0:
        raise PinBlocked("PIN1 has no tries left.")
    if info.changed is False:
        raise CardNotActivated("The card has not been activated.")
    digest = _digest(request, certificate)
    tries_left, wrong, repeated = info.tries_left, False, False
    while True:
        question = PinQuestion(
            role="PIN1",
            name=certificate.name,
            satu=certificate.satu,
            tries_left=tries_left,
            wrong=wrong,
            repeated=repeated,
        )
        pin = await at_hand.unless_removed(prompt.ask_pin(question))
        # A PIN that this card has refused is not sent to it again, not even after the
        # card was pulled out and put back.
        attempt = hashlib.sha256(certificate.der + pin).digest()
        repeated = attempt in refused
        if repeated:
            pin[:] = bytes(len(pin))
            continue
        prompt.show(Step.SIGNING)
        progress("signing")
        try:
            signature = await prompt.watch(
                at_hand.run(_verify_and_sign, card, key, pin, digest)
            )
        except WrongPin as error:
            if not prompt.attended:
                raise
            refused.add(attempt)
            tries_left, wrong = error.tries_left, True
            continue
        return {
            "unverifiedCertificate": base64.b64encode(certificate.der).decode(),
            "algorithm": certificate.algorithm,
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": _APP_VERSION,
        }


def _verify_and_sign(
    card: FineidCard, key: CardKey, pin: bytearray, digest: bytes
) -> bytes:
    """Send the four commands in one go, VERIFY, MSE, HASH and SIGN; wipe the PIN.

    The PIN is wiped here and not by the caller: a cancelled caller would wipe it while
    the card's thread is about to send it, and a wiped PIN sent is a try spent.
    """
    try:
        card.verify_pin(PinRole.PIN1, pin)
        algorithm = token_algorithm(card.certificate(key).public_key)
        return card.sign(key, digest, algorithm)
    finally:
        pin[:] = bytes(len(pin))


def _digest(request: AuthenticateRequest, certificate: CardCertificate) -> bytes:
    def h(data: bytes) -> bytes:
        return hashlib.new(certificate.hash_name, data).digest()

    origin, nonce = request.origin.encode(), request.challenge_nonce.encode()
    return h(h(origin) + h(nonce))
