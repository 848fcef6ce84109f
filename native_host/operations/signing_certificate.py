# SPDX-License-Identifier: MIT
"""The choice of the key that signs for a service, and its certificate after consent.

The certificate names its holder, so it must not leave before the person's consent
(docs/reference/security.md, "Consent"). The person has consented by the login where
they have identified to the same page with the same card.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from native_host.card.atr import is_contactless
from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    KeyMissingError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole
from native_host.card.signature import (
    KeyType,
    Padding,
    PublicKey,
    SignatureAlgorithm,
    supported_algorithms,
)
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.errors import InvalidArgumentError
from native_host.operations.card_access.card_session import UsableCards, check_validity
from native_host.operations.card_access.secure_channel import connect_unasked
from native_host.operations.request import Context, Request, begin
from native_host.pin_prompt.model import ConsentQuestion, Problem, Step

logger = logging.getLogger(__name__)


def signature_keys(
    card: FineidCard, key_type: KeyType | None = None
) -> Iterator[tuple[CardKey, CardCertificate]]:
    """Yield the keys that may sign a service's request, the preferred one first.

    They are PIN2's keys whose certificates are for signing alone and valid now.
    Certificates are read lazily. If there is none, it raises the ``CardError`` that
    ruled out the last one.
    """
    found = False
    obstacle: CardError = KeyMissingError("The card has no such signature key.")
    keys = card.keys()
    for key in keys:
        if key.role is not KeyRole.SIGNATURE or key_type not in {None, key.key_type}:
            continue
        try:
            certificate = card.certificate(key)
            if not certificate.for_signing:
                raise UnsupportedCardError("The card's certificate is not for signing.")
            check_validity(certificate)
        except CONNECTION_ERRORS:
            raise
        except CardError as error:
            logger.info("A signature key can't be used: %s", error.code)
            obstacle = error
            continue
        found = True
        yield key, certificate
    if not found:
        raise obstacle


def algorithm_of(
    key: PublicKey, hash_function: str | None, padding: Padding | None
) -> SignatureAlgorithm:
    """Return the preferred algorithm of a key for a hash function and a padding.

    None means any of them. Raises ``InvalidArgumentError`` if there is none.
    """
    for algorithm in supported_algorithms(key):
        if hash_function not in {None, algorithm.hash_function}:
            continue
        if padding in {None, algorithm.padding}:
            return algorithm
    raise InvalidArgumentError("The key can't sign what is asked for in this way.")


#: Seconds in which the card of a login must be found. Then the window opens.
_FOUND_WITHIN = 5.0


@dataclass(frozen=True, kw_only=True)
class CertificateRequest(Request):
    """A service's request for the signing certificate.

    ``identified_by`` is the SHA-256 of the authentication certificate that the page
    got by a login, or None without one.
    """

    identified_by: bytes | None = None


@dataclass(frozen=True)
class SigningCertificate:
    """The certificate of the preferred signature key, and the key's algorithms."""

    certificate: CardCertificate
    algorithms: tuple[SignatureAlgorithm, ...]


async def signing_certificate(
    context: Context, request: CertificateRequest
) -> SigningCertificate:
    """Return the signing certificate of the login's card, or of the chosen card.

    The progress is ``window-open`` if the person is asked, or waits in the window for a
    slow card. Raises ``UserCancelledError`` with the reason, and errors of the prompt.
    """
    certificate, is_open = await _of_login(context, request)
    if certificate is None:
        if not is_open:
            await begin("signing-certificate", context, request)
        certificate = await _ask(context)
    return SigningCertificate(certificate, supported_algorithms(certificate.public_key))


async def _of_login(
    context: Context, request: CertificateRequest
) -> tuple[CardCertificate | None, bool]:
    """Return the certificate of the card that the person has identified with.

    None if they have not, if no such card can be read now, or if the window has
    something to say about the request itself. A card on a contactless reader that is
    slow is waited for in the window: to begin PACE anew may make it slower. Also
    returns whether the window is open.
    """
    identified_by = request.identified_by
    if identified_by is None or not request.started_by_person or request.caller:
        return None, False
    source, is_open = context.source, False
    looking = asyncio.create_task(_look_at_all(identified_by, source))
    try:
        await asyncio.wait({looking}, timeout=_FOUND_WITHIN)
        with suppress(CardError):
            if looking.done():
                return looking.result(), is_open
            if any(is_contactless(each.atr or b"") for each in await source.readers()):
                await begin("signing-certificate", context, request)
                is_open = True
                context.prompt.show(Step.CONTACTLESS, Problem("CARD_SLOW"))
                return await context.prompt.watch(looking), is_open
        return None, is_open
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _look_at_all(
    identified_by: bytes, source: CardSource
) -> CardCertificate | None:
    for reader in await source.readers():
        certificate = await _look_for(identified_by, source, reader)
        if certificate is not None:
            return certificate
    return None


async def _look_for(
    identified_by: bytes, source: CardSource, reader: Reader
) -> CardCertificate | None:
    """Return the signing certificate of a reader's card if it is the login's card."""
    if reader.atr is None:
        return None
    try:
        connection = await connect_unasked(source, reader)
        try:
            return await source.run(_read, connection, identified_by)
        finally:
            await asyncio.shield(source.run(connection.close))
    except CardError as error:
        logger.info("A card can't be compared with the login's: %s", error.code)
        return None


def _read(connection: CardConnection, identified_by: bytes) -> CardCertificate | None:
    card = FineidCard(connection)
    authentication = card.certificate(card.key(KeyRole.AUTHENTICATION))
    is_same = hashlib.sha256(authentication.der).digest() == identified_by
    return _look(card) if is_same else None


async def _ask(context: Context) -> CardCertificate:
    prompt = context.prompt
    async for held_card in UsableCards(context, look=_look):
        async with held_card:
            certificate = await prompt.watch(held_card.run(_look, held_card.card))
            await held_card.confirm(certificate)
            question = ConsentQuestion(
                certificate.name, certificate.satu, test_card=certificate.test
            )
            await held_card.ask(prompt.ask, question)
    return certificate


def _look(card: FineidCard) -> CardCertificate:
    _, certificate = next(signature_keys(card))
    return certificate
