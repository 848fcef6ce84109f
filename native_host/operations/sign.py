# SPDX-License-Identifier: MIT
"""Sign documents and hashes with PIN2's key, after the person has seen what is signed.

One consent and one typing of PIN2 sign what the window showed and nothing else; the PIN
is verified anew on the card before each signature (docs/reference/card.md, "Rules of
state").
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Self

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardError, KeyMissingError, WrongPinError
from native_host.card.fineid import CardKey, FineidCard, PinRole
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource
from native_host.errors import KortillaError
from native_host.log import log_unexpected
from native_host.operations.activate import ActivationOffer
from native_host.operations.card_session import HeldCard, with_card
from native_host.operations.documents import DocumentHeader, DocumentInbox
from native_host.operations.pin import PinAsker, usable_pin
from native_host.operations.prompting import Report, begin, check_cancelled
from native_host.operations.sign_request import HashToSign, SignRequest
from native_host.operations.signature_key import algorithm_of, signature_keys
from native_host.pin_prompt.prompt import Document, Problem, Progress, Prompt, Step

__all__ = [
    "CertificateMismatchError",
    "HashToSign",
    "SignRequest",
    "Signature",
    "Signatures",
    "SigningInterruptedError",
    "sign",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signature:
    """One signature: r‖s for ECDSA. ``digest`` is what was signed."""

    name: str
    digest: bytes
    algorithm: SignatureAlgorithm
    value: bytes


@dataclass(frozen=True)
class Signatures:
    """All signatures, in the order of what was to be signed, by one certificate."""

    certificate: CardCertificate
    signatures: tuple[Signature, ...]


class CertificateMismatchError(CardError):
    """The certificate that the service chose is not on the card.

    An error of the card: the person is told and may put in the right one. The page
    hears of it as the reason of a cancellation, as before consent nothing tells it that
    there is a card (docs/reference/security.md, "Consent").
    """

    code = "CERTIFICATE_MISMATCH"
    final = True


class SigningInterruptedError(KortillaError):
    """Some were signed, and then something failed; ``reason`` is its code.

    ``done`` holds the signatures that were made, which are the first of what was to be
    signed; ``total`` is how many there should have been.
    """

    code = "SIGNING_INTERRUPTED"

    def __init__(self, done: Signatures, total: int, *, reason: str) -> None:
        super().__init__(
            f"{len(done.signatures)} of {total} signatures were made ({reason})."
        )
        self.done = done
        self.total = total
        self.reason = reason


async def sign(
    request: SignRequest,
    *,
    source: CardSource,
    prompt: Prompt,
    progress: Report = lambda _word, _progress: None,
) -> Signatures:
    """Have the person look and agree, and sign. The caller closes everything.

    ``progress`` is told ``window-open``, ``receiving`` with bytes, and ``signing`` with
    signatures. Raises ``InvalidArgumentError``, ``SigningInterruptedError``,
    ``UserCancelledError`` with the reason, and errors of the prompt.
    Whoever cancels while a signature is being made gets those before it: it is withheld
    when the card has made it.
    """
    request.check()
    await begin(
        "sign", request, test_card=source.test_card, prompt=prompt, progress=progress
    )
    if request.documents is not None:
        await _receive(request.documents, prompt, progress)
    batch = _Batch(request, prompt, progress)
    offer = ActivationOffer(prompt)

    async def work(held_card: HeldCard) -> Signatures:
        return await offer.around(held_card, lambda: batch.work(held_card))

    try:
        return await with_card(
            source,
            prompt,
            work,
            look=batch.look,
            suits=batch.suits if request.certificate is not None else None,
        )
    except SigningInterruptedError as error:
        detail = f"{len(error.done.signatures)}/{error.total}"
        prompt.show(Step.FAILED, Problem(error.code, detail))
        raise


async def _receive(documents: DocumentInbox, prompt: Prompt, progress: Report) -> None:
    """Wait for the documents. The bar moves by percents: windows are slow readers."""
    shown = -1

    def received(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // total if total else 100
        if percent > shown:
            shown = percent
            prompt.show(Step.RECEIVING, progress=Progress(done, total))
            progress("receiving", Progress(done, total))

    await prompt.watch(documents.complete(received))


class _Batch:
    """What is signed with one consent, and how much of it has been."""

    def __init__(self, request: SignRequest, prompt: Prompt, progress: Report) -> None:
        self._request = request
        self._prompt = prompt
        self._progress = progress
        self._asker = PinAsker(prompt, PinRole.PIN2)
        self._signatures: list[Signature] = []

    def suits(self, certificate: CardCertificate) -> bool:
        """Whether a certificate is the one that the service has chosen."""
        return certificate.der == self._request.certificate

    def look(self, card: FineidCard) -> CardCertificate:
        """Return the certificate that a card would sign with (see ``with_card``)."""
        try:
            _, certificate = self._choose_key(card)
        except CertificateMismatchError:
            # The next card may have it. Where none has, the first one's work says so.
            _, certificate = next(signature_keys(card))
            return certificate
        if self._request.certificate is None:
            usable_pin(card, PinRole.PIN2)
        return certificate

    async def work(self, held_card: HeldCard) -> Signatures:
        """Ask and sign with one card. Once anything is signed there is no other."""
        prompt, card = self._prompt, held_card.card
        key, certificate = await prompt.watch(held_card.run(self._choose_key, card))
        things = await self._things(certificate)

        def interrupted(error: Exception) -> SigningInterruptedError:
            made = Signatures(certificate, tuple(self._signatures))
            known = error if isinstance(error, KortillaError) else KortillaError
            return SigningInterruptedError(made, len(things), reason=known.code)

        async def sign_rest(pin: bytearray | None) -> None:
            while len(self._signatures) < len(things):
                try:
                    made = await self._sign_next(held_card, key, things, pin)
                except WrongPinError as error:
                    # Mistyped on the reader it is asked for again, but there is
                    # nothing to type when the card has accepted this PIN before.
                    if pin is not None and self._signatures:
                        raise interrupted(error) from error
                    raise
                self._signatures.append(made)

        try:
            await self._asker.until_accepted(
                held_card,
                certificate,
                sign_rest,
                documents=tuple(thing.shown for thing in things),
            )
        except SigningInterruptedError:
            raise
        except Exception as error:
            if not self._signatures:
                raise
            if not isinstance(error, KortillaError):
                log_unexpected(logger, error)
            raise interrupted(error) from error
        return Signatures(certificate, tuple(self._signatures))

    async def _sign_next(
        self,
        held_card: HeldCard,
        key: CardKey,
        things: "tuple[_Thing, ...]",
        pin: bytearray | None,
    ) -> Signature:
        done, total = len(self._signatures), len(things)
        bar = Progress(done, total)
        await check_cancelled(self._prompt)
        self._prompt.show(
            Step.SIGNING if pin is not None else Step.PIN_PAD,
            progress=bar if total > 1 else None,
        )
        self._progress("signing", bar)
        thing = things[done]
        value = await self._asker.verify_and_sign(
            held_card, pin, key, thing.digest, thing.algorithm
        )
        return Signature(thing.shown.name, thing.digest, thing.algorithm, value)

    def _choose_key(self, card: FineidCard) -> tuple[CardKey, CardCertificate]:
        """Choose the key on the card's thread. Raises ``CertificateMismatchError``."""
        request = self._request
        for key, certificate in signature_keys(card, request.key_type):
            chosen = request.certificate in {None, certificate.der}
            if chosen and request.fits(certificate):
                return key, certificate
        if request.certificate is not None:
            raise CertificateMismatchError("The certificate is not on the card.")
        raise KeyMissingError("The card has no key that signs what is asked for.")

    async def _things(self, certificate: CardCertificate) -> "tuple[_Thing, ...]":
        """Return what is to be signed with a certificate's key, hashed."""
        request, key = self._request, certificate.public_key
        inbox = request.documents
        if inbox is None:
            return tuple(
                _Thing.of_hash(
                    each, algorithm_of(key, each.hash_function, request.padding)
                )
                for each in request.hashes
            )
        chosen = algorithm_of(key, request.hash_function, request.padding)
        return tuple(
            [
                _Thing.of_document(
                    header,
                    str(inbox.path(index)),
                    await self._prompt.watch(
                        asyncio.to_thread(inbox.digest, index, chosen.hash_function)
                    ),
                    chosen,
                )
                for index, header in enumerate(inbox.headers)
            ]
        )


@dataclass(frozen=True)
class _Thing:
    """One thing to be signed: as it is shown, and as it is signed."""

    shown: Document
    digest: bytes
    algorithm: SignatureAlgorithm

    @classmethod
    def of_hash(cls, asked: HashToSign, algorithm: SignatureAlgorithm) -> Self:
        shown = Document(asked.name, asked.hash_function, asked.digest.hex())
        return cls(shown, asked.digest, algorithm)

    @classmethod
    def of_document(
        cls,
        header: DocumentHeader,
        path: str,
        digest: bytes,
        algorithm: SignatureAlgorithm,
    ) -> Self:
        shown = Document(
            header.name,
            algorithm.hash_function,
            digest.hex(),
            size=header.size,
            media_type=header.media_type,
            path=path,
        )
        return cls(shown, digest, algorithm)
