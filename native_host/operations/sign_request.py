# SPDX-License-Identifier: MIT
"""Requests to sign, and the checks that need no card."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from native_host.card.certificate import CardCertificate, CertificateError
from native_host.card.signature import HASH_SIZES, KeyType, Padding, key_type_of
from native_host.errors import InvalidArgumentError
from native_host.operations.documents import DocumentInbox, check_names
from native_host.operations.prompting import Request
from native_host.operations.signature_key import algorithm_of
from native_host.pin_prompt.model import Operation


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
    one.
    """

    operation: ClassVar[Operation] = "sign"

    hashes: tuple[HashToSign, ...] = ()
    documents: DocumentInbox | None = None
    hash_function: str | None = None
    certificate: bytes | None = None
    key_type: KeyType | None = None
    padding: Padding | None = None

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
