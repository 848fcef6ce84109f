# SPDX-License-Identifier: MIT
"""Sign documents and hashes with PIN2's key, after the person has seen them.

One consent and one entry of PIN2 sign exactly what the window showed. The PIN is
verified anew on the card before each signature (docs/reference/card.md, "Rules of
state").
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Literal

from native_host.card.certificate import CardCertificate, CertificateError
from native_host.card.errors import (
    CardError,
    KeyMissingError,
    PinBlockedError,
    WrongPinError,
)
from native_host.card.fineid import CardKey, FineidCard, PinRole
from native_host.card.signature import (
    HASH_SIZES,
    KeyType,
    Padding,
    PublicKey,
    SignatureAlgorithm,
    key_type_of,
)
from native_host.errors import InvalidArgumentError, KortillaError
from native_host.operations.card_access.card_session import UsableCards
from native_host.operations.documents import DocumentInbox, check_names
from native_host.operations.pin import PinAsker, PinAttempt, prefer_usable
from native_host.operations.request import Context, Request, begin
from native_host.operations.signing_certificate import algorithm_of, signature_keys
from native_host.pin_prompt.model import Document, Operation, Problem, Progress, Step
from native_host.platform.log import log_unexpected
from native_host.state.history import recorded


@dataclass(frozen=True)
class HashToSign:
    """A hash that a page computed, and the name that it claims for it.

    ``hash_function`` is in Web eID's spelling. The name is empty where the protocol has
    none, which is Web eID's for one hash.
    """

    name: str
    digest: bytes
    hash_function: str


@dataclass(frozen=True, kw_only=True)
class SignRequest(Request):
    """A service's request: the inbox's documents, or else ``hashes``.

    ``hash_function`` is for documents; None is the key's preferred one. ``certificate``
    (DER) is the one that must sign, if the service has chosen it. ``key_type`` and
    ``padding`` choose among the card's keys and their schemes; None is the preferred
    one. ``batch`` says how many requests of one wish came before this one, of how many.
    They share the prompt, which the first one opens; None is the only one.
    """

    operation: ClassVar[Operation] = "sign"

    hashes: tuple[HashToSign, ...] = ()
    documents: DocumentInbox | None = None
    hash_function: str | None = None
    certificate: bytes | None = None
    key_type: KeyType | None = None
    padding: Padding | None = None
    batch: Progress | None = None

    def check(self) -> None:
        """Raise ``InvalidArgumentError`` for a request that no card could fulfil."""
        if self.documents is None:
            self._check_hashes()
        elif self.hashes:
            raise InvalidArgumentError("Documents or hashes are signed, not both.")
        self._check_algorithm()

    def fits(self, certificate: CardCertificate) -> bool:
        """Return whether a certificate's key can sign as the request requires."""
        if self.key_type not in {None, key_type_of(certificate.public_key)}:
            return False
        try:
            for function in self._hash_functions:
                algorithm_of(certificate.public_key, function, self.padding)
        except InvalidArgumentError:
            return False
        return True

    @property
    def names(self) -> list[str]:
        """The names of what is signed; empty ones are left out."""
        things = self.hashes if self.documents is None else self.documents.headers
        return [each.name for each in things if each.name]

    @property
    def _hash_functions(self) -> set[str | None]:
        if self.documents is not None:
            return {self.hash_function}
        return {each.hash_function for each in self.hashes}

    def _check_hashes(self) -> None:
        names = [each.name for each in self.hashes]
        check_names(names)
        if len(names) > 1 and not all(names):
            raise InvalidArgumentError("A hash has no name.")
        if self.hash_function is not None:
            raise InvalidArgumentError("Each hash has a hash function of its own.")
        for each in self.hashes:
            size = HASH_SIZES.get(each.hash_function, len(each.digest))
            if len(each.digest) != size:
                raise InvalidArgumentError(
                    f"A hash of {each.hash_function} has {size} bytes, "
                    f"not {len(each.digest)}."
                )

    def _check_algorithm(self) -> None:
        functions = self._hash_functions - {None}
        if functions - HASH_SIZES.keys():
            raise InvalidArgumentError(
                "A hash function is not one of those that are known."
            )
        kinds = {self.key_type} - {None}
        if self.padding is not None:
            kinds.add(KeyType.ECC if self.padding is Padding.NONE else KeyType.RSA)
        if len(kinds) > 1:
            raise InvalidArgumentError("The padding is not one of this kind of key's.")
        if KeyType.RSA in kinds and any("SHA3" in name for name in functions if name):
            raise InvalidArgumentError("RSA keys of cards sign no SHA-3 hashes.")
        if self.certificate is None:
            return
        try:
            certificate = CardCertificate.from_der(self.certificate)
        except CertificateError:
            return  # it is on no card, which the search for a card reports
        if not self.fits(certificate):
            raise InvalidArgumentError(
                "The certificate's key can't sign what is asked for."
            )


#: Returns what a card's key signs, for the certificate of that key. The request's
#: documents are complete by then.
Prepare = Callable[[CardCertificate], Awaitable[Sequence[HashToSign]]]


@dataclass(frozen=True)
class Result:
    """The file that is made of a document: its name, and what it is."""

    name: str
    kind: Literal["pdf", "container"]


@dataclass(frozen=True, kw_only=True)
class OwnFilesRequest(SignRequest):
    """The person's wish to sign their own files; no site and no program asks.

    The prompt shows ``documents``, and for each of them its element of ``results``. The
    card signs what ``prepare`` returns, which is made of the same bytes. The wish comes
    from this process only: no message of a page or a native client becomes one.
    """

    operation: ClassVar[Operation] = "sign-own"

    origin: str = field(default="", init=False)
    results: tuple[Result, ...]
    prepare: Prepare

    def check(self) -> None:
        """See ``SignRequest``."""
        super().check()
        if self.documents is None or len(self.documents.headers) != len(self.results):
            raise InvalidArgumentError("Each document has one result.")


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signature:
    """One signature: r‖s for ECDSA. ``digest`` is the signed digest."""

    name: str
    digest: bytes
    algorithm: SignatureAlgorithm
    value: bytes


@dataclass(frozen=True)
class Signatures:
    """All signatures by one certificate, in the order of the request."""

    certificate: CardCertificate
    signatures: tuple[Signature, ...]


class CertificateMismatchError(CardError):
    """The certificate that the service chose is not on the card.

    It is an error of the card: the window shows it, and the person may insert the right
    card. The page receives it as the reason of a cancellation, since a page must not
    learn before consent that there is a card (docs/reference/security.md, "Consent").
    """

    code = "CERTIFICATE_MISMATCH"
    final = True


class SigningInterruptedError(KortillaError):
    """Some were signed before an error; ``reason`` is the error's code.

    ``done`` holds the completed signatures, the first ones of the request; ``total`` is
    the requested number.
    """

    code = "SIGNING_INTERRUPTED"

    def __init__(self, done: Signatures, total: int, *, reason: str) -> None:
        super().__init__(
            f"{len(done.signatures)} of {total} signatures were made ({reason})."
        )
        self.done = done
        self.total = total
        self.reason = reason


async def sign(context: Context, request: SignRequest) -> Signatures:
    """Show everything, ask for consent, and sign.

    The progress is ``window-open``, ``receiving`` with bytes, and ``signing`` with
    signatures. Raises ``InvalidArgumentError``, ``SigningInterruptedError``,
    ``UserCancelledError`` with the reason, and errors of the prompt. If the person
    cancels while a signature is being made, the page receives the earlier ones; this
    one is withheld.
    """
    request.check()
    with recorded("sign", request.origin, request.names):
        return await _begin_and_sign(context, request)


async def _begin_and_sign(context: Context, request: SignRequest) -> Signatures:
    if request.batch is None or not request.batch.done:
        await begin(request.operation, context, request)
    if request.documents is not None:
        await _receive(context, request.documents)
    try:
        return await _sign(context, request)
    except SigningInterruptedError as error:
        detail = f"{len(error.done.signatures)}/{error.total}"
        context.prompt.show(Step.FAILED, Problem(error.code, detail))
        raise


async def _sign(context: Context, request: SignRequest) -> Signatures:
    """Sign all with one card. After the first signature no other card is tried."""

    def suits(certificate: CardCertificate) -> bool:
        return certificate.der == request.certificate

    asker = PinAsker(context, PinRole.PIN2)
    async for held_card in UsableCards(
        context,
        look=partial(_look, request=request),
        suits=suits if request.certificate is not None else None,
    ):
        async with held_card:
            await asker.resume_activation(held_card)
            key, certificate = await context.prompt.watch(
                held_card.run(_choose_key, held_card.card, request)
            )
            if request.documents is not None:  # large ones take a while
                await held_card.release()
            shown, things = await _things(context, request, certificate)
            batch = _Batch(certificate, things)
            try:
                async for attempt in asker.tries(
                    held_card, certificate, documents=shown, batch=request.batch
                ):
                    async with attempt:
                        await batch.sign_rest(context, attempt, key)
            except Exception as error:
                if isinstance(error, SigningInterruptedError) or not batch.signatures:
                    raise
                if not isinstance(error, KortillaError):
                    log_unexpected(logger, error)
                raise batch.interrupted(error) from error
    return batch.done


async def _receive(context: Context, documents: DocumentInbox) -> None:
    """Wait for the documents. The bar moves by percents: windows are slow readers."""
    shown = -1

    def received(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // total if total else 100
        if percent > shown:
            shown = percent
            context.prompt.show(Step.RECEIVING, progress=Progress(done, total))
            context.progress("receiving", Progress(done, total))

    await context.prompt.watch(documents.complete(received))


class _Batch:
    """One card's work with one consent, and the signatures so far."""

    def __init__(
        self, certificate: CardCertificate, things: "tuple[_Thing, ...]"
    ) -> None:
        self._certificate = certificate
        self._things = things
        self.signatures: list[Signature] = []

    @property
    def done(self) -> Signatures:
        return Signatures(self._certificate, tuple(self.signatures))

    def interrupted(self, error: Exception) -> SigningInterruptedError:
        known = error if isinstance(error, KortillaError) else KortillaError
        return SigningInterruptedError(self.done, len(self._things), reason=known.code)

    async def sign_rest(
        self, context: Context, attempt: PinAttempt, key: CardKey
    ) -> None:
        """Sign the rest. Raises the errors of ``PinAttempt.sign``."""
        total = len(self._things)
        for thing in self._things[len(self.signatures) :]:
            bar = Progress(len(self.signatures), total)
            try:
                await attempt.show(bar if total > 1 else None)
                context.progress("signing", bar)
                value = await attempt.sign(key, thing.digest, thing.algorithm)
            except (WrongPinError, PinBlockedError) as error:
                # A PIN on the reader may have been mistyped, so it is asked for again.
                # A typed PIN that the card has accepted before can't be the cause.
                again = attempt.pin is None and isinstance(error, WrongPinError)
                if self.signatures and not again:
                    raise self.interrupted(error) from error
                raise
            self.signatures.append(
                Signature(thing.name, thing.digest, thing.algorithm, value)
            )


def _look(card: FineidCard, request: SignRequest) -> CardCertificate:
    """Return a card's signing certificate (see ``UsableCards``)."""
    try:
        _, certificate = _choose_key(card, request)
    except CertificateMismatchError:
        # The next card may have it. If none has, signing with the first one reports
        # that.
        _, certificate = next(signature_keys(card))
        return certificate
    if request.certificate is None:
        return prefer_usable(card, PinRole.PIN2, certificate)
    return certificate


def _choose_key(
    card: FineidCard, request: SignRequest
) -> tuple[CardKey, CardCertificate]:
    """Choose the key on the card's thread. Raises ``CertificateMismatchError``."""
    for key, certificate in signature_keys(card, request.key_type):
        chosen = request.certificate in {None, certificate.der}
        if chosen and request.fits(certificate):
            return key, certificate
    if request.certificate is not None:
        raise CertificateMismatchError("The certificate is not on the card.")
    raise KeyMissingError("The card has no key that signs what is asked for.")


async def _things(
    context: Context, request: SignRequest, certificate: CardCertificate
) -> "tuple[tuple[Document, ...], tuple[_Thing, ...]]":
    """Return what is shown, and what is signed with a certificate's key."""
    key, inbox = certificate.public_key, request.documents
    if inbox is None:
        things = _hashes(key, request, request.hashes)
        return tuple(
            Document(each.name, each.algorithm.hash_function, each.digest.hex())
            for each in things
        ), things
    algorithm = algorithm_of(key, request.hash_function, request.padding)
    shown: list[Document] = []
    for index, header in enumerate(inbox.headers):
        digest = await context.prompt.watch(
            asyncio.to_thread(inbox.digest, index, algorithm.hash_function)
        )
        shown.append(
            Document(
                header.name,
                algorithm.hash_function,
                digest.hex(),
                size=header.size,
                media_type=header.media_type,
                path=str(inbox.path(index)),
            )
        )
    if not isinstance(request, OwnFilesRequest):
        return tuple(shown), tuple(
            _Thing(each.name, bytes.fromhex(each.digest), algorithm) for each in shown
        )
    context.prompt.show(Step.PREPARING)
    hashes = await context.prompt.watch(request.prepare(certificate))
    return tuple(
        replace(document, result=result.name, result_kind=result.kind)
        for document, result in zip(shown, request.results, strict=True)
    ), _hashes(key, request, hashes)


def _hashes(
    key: PublicKey, request: SignRequest, hashes: Iterable[HashToSign]
) -> "tuple[_Thing, ...]":
    return tuple(
        _Thing(
            each.name,
            each.digest,
            algorithm_of(key, each.hash_function, request.padding),
        )
        for each in hashes
    )


@dataclass(frozen=True)
class _Thing:
    """One item to be signed. ``name`` identifies it in the result."""

    name: str
    digest: bytes
    algorithm: SignatureAlgorithm
