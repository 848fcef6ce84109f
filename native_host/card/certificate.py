# SPDX-License-Identifier: MIT
"""The certificates on the card (FINEID S2 v5.2, docs/reference/certificates.md).

Real FINEID leaves are not strict DER: basicConstraints encodes its default, and those
of 2023 give ecdsa-with-SHA384 a NULL parameter. ``cryptography`` rejects both, so
asn1crypto parses them, and only the public key is passed to ``cryptography``.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from native_host.card.errors import CardError
from native_host.card.signature import (
    PublicKey,
    SignatureAlgorithm,
    token_algorithm,
)

_CURVES = ("secp256r1", "secp384r1")
_RSA_BITS = range(2048, 4097)

_KEY_USAGE = "2.5.29.15"
_CERTIFICATE_POLICIES = "2.5.29.32"
_TEST_POLICIES = "1.2.246.517.99."  # docs/reference/certificates.md, "Policies"

_SERIAL_NUMBER = "2.5.4.5"
_SURNAME = "2.5.4.4"
_GIVEN_NAME = "2.5.4.42"


class CertificateError(CardError):
    """A certificate on the card can't be read."""


@dataclass(frozen=True)
class CardCertificate:
    """A certificate on the card, and its holder's data.

    ``der`` is the certificate byte for byte as on the card. ``satu`` is the electronic
    client identifier, eight digits and a check character. ``not_before`` and
    ``not_after`` are in UTC, with a time zone. ``test`` says that it was issued under a
    test policy and identifies no real person.

    ``for_authentication`` and ``for_signing`` say what its key usage allows. A key that
    also authenticates is not for signing: it must never sign data that a page has
    chosen (docs/reference/security.md, "Signing oracle").
    """

    der: bytes = field(repr=False)
    surname: str = field(repr=False)
    given_names: str = field(repr=False)
    satu: str = field(repr=False)
    not_before: datetime
    not_after: datetime
    test: bool
    for_authentication: bool
    for_signing: bool
    public_key: PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Parse a certificate.

        Raises ``CertificateError``; no signature is verified.
        """
        try:
            return cls._read(der)
        except CertificateError:
            raise
        except Exception as error:
            # asn1crypto parses lazily and raises errors of many classes.
            raise CertificateError(
                f"The certificate can't be read ({type(error).__name__})."
            ) from error

    @classmethod
    def _read(cls, der: bytes) -> Self:
        certificate = x509.Certificate.load(der, strict=True)
        to_be_signed = certificate["tbs_certificate"]
        subject: dict[str, str] = {}
        for relative_name in to_be_signed["subject"].chosen:
            for attribute in relative_name:
                subject.setdefault(attribute["type"].dotted, attribute["value"].native)
        satu = subject.get(_SERIAL_NUMBER)
        if not satu:
            raise CertificateError("The certificate names no client identifier.")
        key = _load_key(to_be_signed["subject_public_key_info"].dump())
        validity = to_be_signed["validity"]
        not_before, not_after = (
            validity[end].native for end in ("not_before", "not_after")
        )
        if None in (not_before.tzinfo, not_after.tzinfo):
            raise CertificateError("The certificate's validity has no time zone.")
        extensions = {
            extension["extn_id"].dotted: extension["extn_value"].parsed.native
            for extension in to_be_signed["extensions"]
            if extension["extn_id"].dotted in {_KEY_USAGE, _CERTIFICATE_POLICIES}
        }
        usage = extensions.get(_KEY_USAGE, frozenset())
        return cls(
            der=bytes(der),
            surname=subject.get(_SURNAME, ""),
            given_names=subject.get(_GIVEN_NAME, ""),
            satu=satu,
            not_before=not_before,
            not_after=not_after,
            test=any(
                f"{policy['policy_identifier']}.".startswith(_TEST_POLICIES)
                for policy in extensions.get(_CERTIFICATE_POLICIES, ())
            ),
            for_authentication="digital_signature" in usage,
            for_signing="non_repudiation" in usage and "digital_signature" not in usage,
            public_key=key,
        )

    @property
    def name(self) -> str:
        """The holder's display name, given names first.

        It consists of the attributes for given name and surname, never of the common
        name. Characters that could corrupt a window's text are left out.
        """
        name = f"{self.given_names} {self.surname}".strip()
        return "".join(character for character in name if character.isprintable())

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """The key's algorithm for tokens: ES384, ES256 or PS256."""
        return token_algorithm(self.public_key)


def _load_key(der: bytes) -> PublicKey:
    key = load_der_public_key(der)
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS:
        return key
    raise CertificateError("The certificate's key is of a kind that is not known.")
