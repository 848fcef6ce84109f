# SPDX-License-Identifier: MIT
"""Detached CAdES signatures of any file, in two calls around the browser's signature.

    checked = {"trust": service.trust, "revocation": service.revocation}
    prepared = await prepare_file(content, certificate=der, name="a.txt", **checked)
    # Keep prepared.to_bytes(). In the page:
    #   kortilla.sign({hashes: [prepared.for_page], certificate, lang})
    signed = await finish_file(prepared, answer, **checked)
    # signed.content is the .p7s

It is CAdES-B-B (ETSI EN 319 122-1), and CAdES-B-T with a time-stamping service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyhanko.sign.timestamps import TimeStamper

from kortilla.errors import DocumentNotSignableError
from kortilla.revocation import RevocationChecker
from kortilla.signing.algorithms import Digest
from kortilla.signing.cms import Level, finish_cms, sign_attributes, signing_certificate
from kortilla.signing.own_card import OwnCard
from kortilla.signing.state import PreparedSignature, check_name
from kortilla.threads import in_thread
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust

__all__ = ["MAX_FILE_BYTES", "SignedFile", "finish_file", "prepare_file"]

#: The longest content that is hashed here; for a longer one pass its digest.
MAX_FILE_BYTES = 20_000_000


@dataclass(frozen=True)
class SignedFile:
    """A detached signature: ``content`` is the ``.p7s``, DER of a CMS ContentInfo."""

    content: bytes = field(repr=False)
    signer: Identity
    level: Level


async def prepare_file(
    content: bytes | Digest,
    *,
    certificate: bytes,
    trust: Trust | OwnCard,
    name: str,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    hash_function: str | None = None,
    chain: Iterable[bytes] = (),
) -> PreparedSignature:
    """Prepare the signature of a content, or of its digest.

    ``certificate`` (DER) is the signer's, as the page got it from
    ``getSigningCertificate``. The person sees ``name``. The hash function is that of
    the digest, or ``hash_function`` (``SHA-256``, ``SHA-384``, ``SHA-512``), or the
    key's preferred one. The signature includes the issuing CA's certificate and
    ``chain`` (DER).

    Raises the errors of ``validate_signer`` for the certificate, and
    ``DocumentNotSignableError`` for a content above ``MAX_FILE_BYTES``.
    """
    check_name(name)
    if isinstance(content, Digest):
        hash_function = content.hash_function
    elif len(content) > MAX_FILE_BYTES:
        raise DocumentNotSignableError(
            f"The file has more than {MAX_FILE_BYTES} bytes.", reason="too-long"
        )
    signing = await signing_certificate(
        certificate,
        trust=trust,
        at=at,
        revocation=revocation,
        chain=chain,
        hash_function=hash_function,
    )
    if not isinstance(content, Digest):
        content = await in_thread(Digest.of, content, signing.hash_function)
    attributes, digest = await sign_attributes(signing, content, pades=False)
    return PreparedSignature(
        "file", name, digest, certificate, signing.chain, attributes
    )


async def finish_file(
    state: PreparedSignature,
    answer: str | bytes | Mapping[str, Any],
    *,
    trust: Trust | OwnCard,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    timestamper: TimeStamper | None = None,
) -> SignedFile:
    """Verify the page's answer and return the finished signature.

    ``answer`` is the result of ``kortilla.sign`` or Web eID's ``sign``; it may contain
    signatures of other documents too. Raises ``SignatureParseError``,
    ``SignatureValidationError``, ``SignerMismatchError``, the errors of
    ``validate_signer``, and ``TimestampFailedError``.
    """
    if state.kind != "file":
        raise ValueError("What was prepared is not the signature of a file.")
    made = await finish_cms(
        state,
        answer,
        trust=trust,
        at=at,
        revocation=revocation,
        timestamper=timestamper,
    )
    return SignedFile(made.der, made.signer, made.level)
