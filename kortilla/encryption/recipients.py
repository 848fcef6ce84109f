# SPDX-License-Identifier: MIT
"""Recipients: certificates and passwords, and what a message has for each."""

import base64
import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self

from asn1crypto import algos, cms, core, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kortilla.encryption.algorithms import (
    AES256_WRAP,
    KEY_AGREEMENTS,
    PASSWORD_WRAP,
    WRITTEN_AGREEMENTS,
    derive_key,
    wrap_by_password,
)
from kortilla.errors import RecipientUnsuitableError

if TYPE_CHECKING:
    from kortilla.revocation import RevocationChecker
    from kortilla.validation.identity import Identity
    from kortilla.validation.trust import Trust

_ITERATIONS = 600_000
_RSA_BITS = range(2048, 8193)
_KEY_SIZE = 32


class Recipient(Protocol):
    """One for whom a message is encrypted."""

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        """Return the part of the message from which the recipient has its key."""


@dataclass(frozen=True)
class CertificateRecipient:
    """The holder of a certificate. The times are in UTC.

    Nothing of the certificate is verified here, except that its key is one to encrypt
    to. ``checked_recipient`` is for a person whom a service knows by a login.
    """

    der: bytes = field(repr=False)
    name: str = field(repr=False)
    not_before: datetime
    not_after: datetime

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Read a certificate. Raises ``RecipientUnsuitableError``."""
        try:
            certificate = x509.Certificate.load(der, strict=True)
            usage = certificate.key_usage_value
            key = public_key(certificate)
            found = cls(
                der,
                str(certificate.subject.native.get("common_name", "")),
                certificate.not_valid_before,
                certificate.not_valid_after,
            )
        except Exception as error:
            # asn1crypto raises any exception on odd input.
            raise RecipientUnsuitableError("The certificate can't be read.") from error
        if isinstance(key, rsa.RSAPublicKey):
            wanted, known = "key_encipherment", key.key_size in _RSA_BITS
        else:
            wanted = "key_agreement"
            known = isinstance(key, ec.EllipticCurvePublicKey) and (
                key.curve.name in WRITTEN_AGREEMENTS
            )
        if usage is not None and wanted not in usage.native:
            raise RecipientUnsuitableError(
                "The certificate's key is not one to encrypt to."
            )
        if not known:
            raise RecipientUnsuitableError("The certificate's key is of another kind.")
        return found

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        """Return the part of the message from which the recipient has its key."""
        certificate = x509.Certificate.load(self.der)
        issuer_and_serial = cms.IssuerAndSerialNumber(
            {
                "issuer": certificate.issuer,
                "serial_number": certificate.serial_number,
            }
        )
        key = public_key(certificate)
        if isinstance(key, rsa.RSAPublicKey):
            return _transport(key, issuer_and_serial, content_key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            return _agreement(key, issuer_and_serial, content_key)
        raise RecipientUnsuitableError("The certificate's key is of another kind.")


async def checked_recipient(
    person: "Identity | bytes",
    *,
    trust: "Trust",
    revocation: "RevocationChecker | None" = None,
    at: datetime | None = None,
) -> CertificateRecipient:
    """Return a person who logged in, by identity or authentication certificate (DER).

    The checks are those of a login, made anew: the chain, the validity and revocation,
    so that nothing is encrypted to a card that was reported lost since. ``trust``,
    ``revocation`` and ``at`` are as for ``validate_client``. Raises the errors of
    ``kortilla.errors``, and ``RecipientUnsuitableError``, also for an identity whose
    session keeps no certificate or that of another person.
    """
    from kortilla.validation.validator import validate_client

    der = person if isinstance(person, bytes) else _certificate_of(person)
    found = await validate_client(der, trust=trust, revocation=revocation, at=at)
    if not isinstance(person, bytes) and person.satu != found.satu:
        raise RecipientUnsuitableError("The certificate is another person's.")
    return CertificateRecipient.from_der(der)


def _certificate_of(person: "Identity") -> bytes:
    try:
        der = base64.b64decode(person.certificate, validate=True)
    except ValueError:
        der = b""
    if not der:
        raise RecipientUnsuitableError("The session keeps no certificate.")
    return der


@dataclass(frozen=True)
class PasswordRecipient:
    """A password, for a message that has to be read without a card too (RFC 3211)."""

    password: str = field(repr=False)

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        """Return the part of the message from which the password gives its key."""
        salt, iv = os.urandom(16), os.urandom(16)
        key = password_key(self.password, salt, _ITERATIONS, hashes.SHA256(), _KEY_SIZE)
        derivation = algos.KdfAlgorithm(
            {
                "algorithm": "pbkdf2",
                "parameters": algos.Pbkdf2Params(
                    {
                        "salt": algos.Pbkdf2Salt({"specified": salt}),
                        "iteration_count": _ITERATIONS,
                        "prf": {"algorithm": "sha256"},
                    }
                ),
            }
        )
        wrap = algos.EncryptionAlgorithm(
            {"algorithm": "aes256_cbc", "parameters": core.OctetString(iv)}
        )
        return cms.RecipientInfo(
            "pwri",
            cms.PasswordRecipientInfo(
                {
                    "version": "v0",
                    "key_derivation_algorithm": derivation,
                    "key_encryption_algorithm": {
                        "algorithm": PASSWORD_WRAP,
                        "parameters": wrap,
                    },
                    "encrypted_key": wrap_by_password(key, content_key, iv),
                }
            ),
        )


def password_key(
    password: str, salt: bytes, iterations: int, prf: hashes.HashAlgorithm, size: int
) -> bytes:
    """Return the key of ``size`` bytes that a password gives (PBKDF2)."""
    return PBKDF2HMAC(prf, size, salt, iterations).derive(password.encode())


def public_key(certificate: x509.Certificate) -> object:
    """Return the public key of a certificate. Raises ``ValueError`` and others."""
    return load_der_public_key(certificate.public_key.dump())


def _transport(
    key: rsa.RSAPublicKey, identifier: cms.IssuerAndSerialNumber, content_key: bytes
) -> cms.RecipientInfo:
    """RSAES-OAEP with SHA-256 (RFC 3560)."""
    sha256 = {"algorithm": "sha256"}
    parameters = algos.RSAESOAEPParams(
        {
            "hash_algorithm": sha256,
            "mask_gen_algorithm": {
                "algorithm": "mgf1",
                "parameters": algos.DigestAlgorithm(sha256),
            },
        }
    )
    function = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(function), function, label=None)
    return cms.RecipientInfo(
        "ktri",
        cms.KeyTransRecipientInfo(
            {
                "version": "v0",
                "rid": cms.RecipientIdentifier("issuer_and_serial_number", identifier),
                "key_encryption_algorithm": {
                    "algorithm": "rsaes_oaep",
                    "parameters": parameters,
                },
                "encrypted_key": key.encrypt(content_key, oaep),
            }
        ),
    )


def _agreement(
    key: ec.EllipticCurvePublicKey,
    identifier: cms.IssuerAndSerialNumber,
    content_key: bytes,
) -> cms.RecipientInfo:
    """Ephemeral-static ECDH (RFC 5753 §3.1)."""
    ephemeral = ec.generate_private_key(key.curve)
    point = ephemeral.public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    scheme = WRITTEN_AGREEMENTS[key.curve.name]
    wrap = cms.KeyEncryptionAlgorithm({"algorithm": AES256_WRAP})
    shared = ephemeral.exchange(ec.ECDH(), key)
    wrapping = derive_key(shared, KEY_AGREEMENTS[scheme], wrap, _KEY_SIZE, None)
    return cms.RecipientInfo(
        "kari",
        cms.KeyAgreeRecipientInfo(
            {
                "version": "v3",
                "originator": cms.OriginatorIdentifierOrKey(
                    "originator_key",
                    {
                        "algorithm": {
                            "algorithm": "ec",
                            "parameters": ("named", key.curve.name),
                        },
                        "public_key": point,
                    },
                ),
                "key_encryption_algorithm": {"algorithm": scheme, "parameters": wrap},
                "recipient_encrypted_keys": [
                    {
                        "rid": cms.KeyAgreementRecipientIdentifier(
                            "issuer_and_serial_number", identifier
                        ),
                        "encrypted_key": aes_key_wrap(wrapping, content_key),
                    }
                ],
            }
        ),
    )
