# SPDX-License-Identifier: MIT
"""The two calls around the browser's signature, the same for each format.

``signing_certificate`` begins the first call. ``finish`` is the second one: it verifies
the card's signature, asks for timestamps and revocation data, and has a ``Draft`` put
all that into the signed document. ``cades``, ``pades`` and ``asice`` are the formats.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from asn1crypto import cms, x509
from pyhanko.sign.timestamps import TimeStamper

from kortilla.errors import SignatureValidationError, TimestampFailedError
from kortilla.revocation import RevocationChecker
from kortilla.signing.answer import (
    Answer,
    NamedSignature,
    PageSignature,
    key_hash_function,
    parse_answer,
    signer_of,
    verify_digest,
)
from kortilla.signing.own_card import OwnCard, check_signer
from kortilla.signing.state import HASHES, Digest, Kind, PreparedSignature
from kortilla.signing.validation_data import CollectData, ValidationData
from kortilla.validation.identity import Identity
from kortilla.validation.leaf import ExactCertificate, load_leaf
from kortilla.validation.trust import Trust

#: The level of the ETSI baseline profiles that a signature has reached.
Level = Literal["B-B", "B-T", "B-LT", "B-LTA"]

#: The hash functions that document validators support; SHA-3 is not among them.
_HASH_FUNCTIONS = ("SHA-256", "SHA-384", "SHA-512")
_KINDS: dict[Kind, str] = {"pdf": "PDF", "file": "file", "container": "container"}


@dataclass(frozen=True)
class Checks:
    """How a signer's certificate is checked, before and after the signature."""

    trust: Trust | OwnCard
    at: datetime | None
    revocation: RevocationChecker | None

    async def signer(self, certificate: bytes) -> Identity:
        """Validate a certificate (DER). Raises as ``validate_signer``."""
        return await check_signer(
            certificate, trust=self.trust, at=self.at, revocation=self.revocation
        )


@dataclass(frozen=True)
class SigningCertificate:
    """The signer's validated certificate, and the CAs above it."""

    certificate: x509.Certificate
    chain: tuple[bytes, ...]
    signer: Identity
    hash_function: str


@dataclass(frozen=True)
class SignedDocument:
    """What was made, its signer, and the level of its signature."""

    content: bytes = field(repr=False)
    signer: Identity
    level: Level


@dataclass(frozen=True)
class Timestamp:
    """A timestamp, and the certificates in it."""

    token: cms.ContentInfo
    certificates: tuple[x509.Certificate, ...]

    @property
    def time(self) -> datetime:
        """The time that it states."""
        stamped = self.token["content"]["encap_content_info"]["content"].parsed
        time: datetime = stamped["gen_time"].native
        return time


@dataclass
class Draft(ABC):
    """A document of one format that a verified signature is put into, step by step.

    ``value`` is the signature in the encoding of CMS and X.509.
    """

    state: PreparedSignature
    certificate: x509.Certificate
    signature: PageSignature
    value: bytes

    kind: ClassVar[Kind]

    @staticmethod
    @abstractmethod
    def check(state: PreparedSignature, certificate: x509.Certificate) -> None:
        """Check that a state is consistent, in case it was altered meanwhile.

        Raises ``SignatureValidationError``.
        """

    @abstractmethod
    def to_stamp(self) -> bytes:
        """Return what a timestamp of the signature is of."""

    @abstractmethod
    def add_timestamp(self, stamp: Timestamp) -> None:
        """Add a timestamp of the signature."""

    @abstractmethod
    async def add_data(self, data: ValidationData | None) -> None:
        """Add revocation data, or none. Nothing else comes but ``archive``."""

    async def archive(self, timestamper: TimeStamper) -> None:
        """Add a timestamp of all that is there."""
        raise NotImplementedError

    @abstractmethod
    async def content(self) -> bytes:
        """Return the signed document, which has been checked."""


async def signing_certificate(
    certificate: bytes,
    checks: Checks,
    *,
    chain: Iterable[bytes],
    hash_function: str | None,
) -> SigningCertificate:
    """Validate the signer's certificate, and choose the hash function."""
    signer = await checks.signer(certificate)
    loaded = load_leaf(certificate)
    function = hash_function or key_hash_function(loaded)
    if function not in _HASH_FUNCTIONS:
        raise ValueError(f"The hash function is none of {', '.join(_HASH_FUNCTIONS)}.")
    issuers = () if isinstance(checks.trust, OwnCard) else checks.trust.issuers
    above = [
        issuer.certificate.dump()
        for issuer in issuers
        if issuer.certificate.subject == loaded.issuer
    ]
    above += [each for each in chain if each not in above]
    for each in above:
        x509.Certificate.load(each, strict=True).native  # noqa: B018 - reading is the check
    return SigningCertificate(loaded, tuple(above), signer, function)


async def finish(
    draft_type: type[Draft],
    state: PreparedSignature,
    answer: Answer,
    checks: Checks,
    *,
    timestamper: TimeStamper | None,
    validation_data: ValidationData | CollectData | None = None,
    archive: bool = False,
) -> tuple[bytes, Identity, Level]:
    """Verify an answer, and return the fields of a ``SignedDocument``.

    ``finish_pdf`` says what is raised.
    """
    if state.kind != draft_type.kind:
        raise ValueError(
            f"What was prepared is not the signature of a {_KINDS[draft_type.kind]}."
        )
    if archive and timestamper is None:
        raise ValueError("An archive timestamp needs a time-stamping service.")
    parsed = parse_answer(answer)
    der = signer_of(parsed, state.certificate)
    certificate = load_leaf(der)
    signature = _signature_of(state, parsed.signatures)
    draft_type.check(state, certificate)
    value = verify_digest(certificate, signature, state.digest.value)
    # Revocation is checked last, so a forged answer triggers no network request.
    signer = await checks.signer(der)
    draft = draft_type(state, certificate, signature, value)
    level: Level = "B-B"
    stamp: Timestamp | None = None
    if timestamper is not None:
        to_stamp = Digest.of(draft.to_stamp(), state.digest.hash_function)
        stamp = await request_timestamp(timestamper, to_stamp)
        draft.add_timestamp(stamp)
        level = "B-T"
    if validation_data is not None and not isinstance(validation_data, ValidationData):
        stamped = () if stamp is None else stamp.certificates
        validation_data = await validation_data(
            (state.certificate, *state.chain, *(each.dump() for each in stamped))
        )
    await draft.add_data(validation_data)
    if stamp is not None and _is_complete(validation_data, state, stamp):
        level = "B-LT"
    if archive and timestamper is not None:
        await draft.archive(timestamper)
        level = "B-LTA" if level == "B-LT" else level
    return await draft.content(), signer, level


def _is_complete(
    data: ValidationData | None,
    state: PreparedSignature,
    stamp: Timestamp,
) -> bool:
    """Return whether there are revocation data for every certificate, not too old."""
    own = [ExactCertificate.load(each) for each in (state.certificate, *state.chain)]
    try:
        every = [*own, *stamp.certificates]
        return data is not None and data.covers(every, since=stamp.time)
    except Exception:
        # For an odd certificate of a timestamp, asn1crypto raises any exception.
        return False


def _signature_of(
    state: PreparedSignature, signatures: tuple[PageSignature, ...]
) -> PageSignature:
    """Return the signature in an answer that belongs to the prepared one.

    The answer may contain others: one entry of PIN2 can sign several documents.
    """
    if len(signatures) == 1 and not isinstance(signatures[0], NamedSignature):
        found = list(signatures)
    else:
        found = [
            each
            for each in signatures
            if isinstance(each, NamedSignature)
            and each.claims(state.name, state.digest.value)
        ]
    if len(found) != 1:
        raise SignatureValidationError(
            "The answer has not exactly one signature of what was prepared."
        )
    [signature] = found
    if signature.algorithm.hash_function != state.digest.hash_function:
        raise SignatureValidationError(
            "It was signed with another hash function than was prepared."
        )
    return signature


async def request_timestamp(timestamper: TimeStamper, digest: Digest) -> Timestamp:
    """Ask a service for a timestamp of a digest. Raises ``TimestampFailedError``."""
    function = HASHES[digest.hash_function].name
    try:
        token = await timestamper.async_timestamp(digest.value, function)
        stamped = token["content"]["encap_content_info"]["content"].parsed
        imprint = stamped["message_imprint"]
        found = imprint["hash_algorithm"]["algorithm"].native
        # pyHanko does not check what the timestamp is of.
        if (found, imprint["hashed_message"].native) != (function, digest.value):
            raise ValueError("a timestamp of something else")
        inside = token["content"]["certificates"] or ()
        return Timestamp(token, tuple(choice.chosen for choice in inside))
    except Exception as error:
        # For a service's invalid answer, pyHanko and asn1crypto raise any exception.
        raise TimestampFailedError(
            "The time-stamping service gave no timestamp that can be used."
        ) from error
