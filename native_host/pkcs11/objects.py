# SPDX-License-Identifier: MIT
"""The objects of a token: the authentication certificate, its keys and its CAs.

The signature certificate and its key (PIN2) are never among them: a browser would offer
them for a login, and PIN2 must not sign a TLS handshake.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from native_host.card.certificate import CardCertificate
from native_host.card.signature import PublicKey
from native_host.pkcs11.constants import (
    CK_UNAVAILABLE_INFORMATION,
    CKA,
    CKC_X_509,
    CKK,
    CKO,
    CKR,
)
from native_host.pkcs11.wire import Attribute, AttributeValue, Wanted

logger = logging.getLogger(__name__)

#: CKA_ID of the certificate and its keys, as in the cards' directories.
KEY_ID = b"\x45"

_LABEL = "Identification"

_TOKEN_USER, _AUTHORITY = 1, 2  # CKA_CERTIFICATE_CATEGORY

# The attributes of a private key that are never returned.
_SENSITIVE = frozenset(
    {CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2}
    | {CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT, CKA.VALUE}
)

_EC_PARAMETERS = {"secp256r1": "1.2.840.10045.3.1.7", "secp384r1": "1.3.132.0.34"}

_STORED: dict[int, AttributeValue] = {
    CKA.TOKEN: True,
    CKA.PRIVATE: False,
    CKA.MODIFIABLE: False,
    CKA.COPYABLE: False,
    CKA.DESTROYABLE: b"\0",  # p11-kit does not treat it as a boolean
}


# The token has no verification: every program can verify without it.
_PUBLIC_KEY: dict[int, AttributeValue] = {
    CKA.CLASS: CKO.PUBLIC_KEY.value,
    **dict.fromkeys((CKA.ENCRYPT, CKA.VERIFY, CKA.VERIFY_RECOVER), False),
    **dict.fromkeys((CKA.WRAP, CKA.TRUSTED), False),
}
_PRIVATE_KEY: dict[int, AttributeValue] = {
    CKA.CLASS: CKO.PRIVATE_KEY.value,
    **dict.fromkeys((CKA.SIGN, CKA.SENSITIVE), True),
    **dict.fromkeys((CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE), True),
    **dict.fromkeys((CKA.DECRYPT, CKA.SIGN_RECOVER, CKA.UNWRAP), False),
    **dict.fromkeys((CKA.EXTRACTABLE, CKA.WRAP_WITH_TRUSTED), False),
    CKA.ALWAYS_AUTHENTICATE: False,
}


@dataclass(frozen=True)
class TokenObject:
    """An object by its handle, with its attributes."""

    handle: int
    attributes: Mapping[int, AttributeValue] = field(repr=False)
    sensitive: frozenset[int] = frozenset()

    @property
    def kind(self) -> AttributeValue:
        """Its class (see ``CKO``)."""
        return self.attributes[CKA.CLASS]

    def matches(self, template: Iterable[Attribute]) -> bool:
        """Return whether it has all attributes of a template, with those values."""
        return all(
            each.type in self.attributes and self.attributes[each.type] == each.value
            for each in template
        )

    def read(self, wanted: Wanted) -> tuple[CKR, Attribute]:
        """Return an attribute and its status; without a value unless that is CKR_OK."""
        status, value = CKR.OK, self.attributes.get(wanted.type)
        if wanted.type in self.sensitive:
            status = CKR.ATTRIBUTE_SENSITIVE
        elif value is None:
            status = CKR.ATTRIBUTE_TYPE_INVALID
        elif wanted.room and wanted.room < _size(value):
            status = CKR.BUFFER_TOO_SMALL
        return status, Attribute(wanted.type, None if status else value)


def _size(value: AttributeValue) -> int:
    """Return how many bytes a value takes in the client's memory."""
    match value:
        case bool():
            return 1
        case int():
            return 8
        case _:
            return len(value)


def make_objects(
    certificate: CardCertificate, authorities: Sequence[bytes]
) -> tuple[TokenObject, ...]:
    """Return the objects of a card.

    ``authorities`` are the CA certificates on it, in DER; malformed ones are left out.
    """
    leaf = x509.Certificate.load(certificate.der)
    key = _key_attributes(certificate.public_key)
    subject = {CKA.SUBJECT: leaf.subject.dump()}
    found = [
        (
            _certificate_attributes(leaf, _TOKEN_USER)
            | {CKA.LABEL: _LABEL.encode(), CKA.ID: KEY_ID},
            frozenset[int](),
        ),
        (_PUBLIC_KEY | key | subject, frozenset[int]()),
        (_PRIVATE_KEY | key | subject, _SENSITIVE),
    ]
    for der in authorities:
        try:
            found.append((_authority_attributes(der), frozenset()))
        except Exception as error:  # asn1crypto raises errors of many types
            logger.info("A CA certificate is left out: %s", type(error).__name__)
    return tuple(
        TokenObject(handle, attributes, sensitive)
        for handle, (attributes, sensitive) in enumerate(found, 1)
    )


def _certificate_attributes(
    certificate: x509.Certificate, category: int
) -> dict[int, AttributeValue]:
    to_be_signed = certificate["tbs_certificate"]
    validity = to_be_signed["validity"]
    start, end = (validity[each].native for each in ("not_before", "not_after"))
    return {
        **_STORED,
        CKA.CLASS: CKO.CERTIFICATE.value,
        CKA.CERTIFICATE_TYPE: CKC_X_509,
        CKA.CERTIFICATE_CATEGORY: category,
        CKA.TRUSTED: False,
        CKA.SUBJECT: to_be_signed["subject"].dump(),
        CKA.ISSUER: to_be_signed["issuer"].dump(),
        CKA.SERIAL_NUMBER: to_be_signed["serial_number"].dump(),
        CKA.VALUE: certificate.dump(),
        CKA.PUBLIC_KEY_INFO: to_be_signed["subject_public_key_info"].dump(),
        CKA.START_DATE: start.strftime("%Y%m%d").encode(),
        CKA.END_DATE: end.strftime("%Y%m%d").encode(),
        CKA.URL: b"",
    }


def _authority_attributes(der: bytes) -> dict[int, AttributeValue]:
    certificate = x509.Certificate.load(der, strict=True)
    name = certificate.subject.native.get("common_name", "")
    return _certificate_attributes(certificate, _AUTHORITY) | {
        CKA.LABEL: str(name).encode(),
        CKA.ID: hashlib.sha256(certificate.public_key.dump()).digest()[:20],
    }


def _key_attributes(key: PublicKey) -> dict[int, AttributeValue]:
    """Return the attributes that both keys have."""
    common: dict[int, AttributeValue] = {
        **_STORED,
        CKA.ID: KEY_ID,
        CKA.LABEL: _LABEL.encode(),
        CKA.DERIVE: False,
        CKA.LOCAL: True,
        CKA.KEY_GEN_MECHANISM: CK_UNAVAILABLE_INFORMATION,
        CKA.START_DATE: b"",
        CKA.END_DATE: b"",
        CKA.PUBLIC_KEY_INFO: key.public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
    }
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        return common | {
            CKA.KEY_TYPE: CKK.RSA.value,
            CKA.MODULUS: _unsigned(numbers.n),
            CKA.MODULUS_BITS: key.key_size,  # asked of the private key too
            CKA.PUBLIC_EXPONENT: _unsigned(numbers.e),
        }
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return common | {
        CKA.KEY_TYPE: CKK.EC.value,
        CKA.EC_PARAMS: core.ObjectIdentifier(_EC_PARAMETERS[key.curve.name]).dump(),
        CKA.EC_POINT: core.OctetString(point).dump(),
    }


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
