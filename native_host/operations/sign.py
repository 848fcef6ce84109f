# SPDX-License-Identifier: MIT
"""Sign documents and hashes with PIN2's key, after the person has seen what is signed.

One consent and one typing of PIN2 sign what the window showed and nothing else; the PIN
is verified anew on the card before each signature (card.md, "Rules of state").
"""

from collections.abc import Callable
from dataclasses import dataclass

from native_host.card.certificate import CardCertificate
from native_host.card.signature import KeyType, Padding, SignatureAlgorithm
from native_host.card.source import CardSource
from native_host.errors import KortillaError
from native_host.operations.documents import DocumentInbox
from native_host.pin_prompt.prompt import Progress, Prompt

__all__ = [
    "CertificateMismatch",
    "HashToSign",
    "SignRequest",
    "Signature",
    "Signatures",
    "SigningInterrupted",
    "sign",
]


@dataclass(frozen=True)
class HashToSign:
    """A hash that a page computed, and the name that it claims for it."""

    name: str
    digest: bytes
    hash_function: str


@dataclass(frozen=True)
class SignRequest:
    """What a service wants signed: the inbox's documents, or else ``hashes``.

    ``origin`` has passed ``check_origin``. ``hash_function`` is for documents; None is
    what the key was made for. ``certificate`` (DER) is the one that must sign, where
    the service has chosen. ``key_type`` and ``padding`` choose among the card's keys
    and their schemes; None is what is preferred.
    """

    origin: str
    language: str
    hashes: tuple[HashToSign, ...] = ()
    documents: DocumentInbox | None = None
    hash_function: str | None = None
    certificate: bytes | None = None
    key_type: KeyType | None = None
    padding: Padding | None = None
    started_by_person: bool = True


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


class CertificateMismatch(KortillaError):
    """The certificate that the service chose is not on the card."""

    code = "CERTIFICATE_MISMATCH"


class SigningInterrupted(KortillaError):
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
    progress: Callable[[str, Progress | None], None] = lambda _word, _progress: None,
) -> Signatures:
    """Have the person look and agree, and sign. The caller closes everything.

    ``progress`` is told ``window-open``, ``receiving`` and ``signing``. Raises
    ``InvalidArgument``, ``CertificateMismatch``, ``SigningInterrupted``,
    ``UserCancelled`` with the reason, and errors of the prompt.
    """
    raise NotImplementedError
