# SPDX-License-Identifier: MIT
"""The Web eID authentication token, ``web-eid:1.0`` and ``web-eid:1.1``.

This module checks the format only; ``kortilla.validation.validator`` validates. Fields
that the signature does not cover are never relied upon.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kortilla.errors import AuthTokenParseError
from kortilla.validation.untrusted import (
    CanonicalBase64,
    WireModel,
    read_object,
)

#: Characters of a whole token as JSON, the limit of the Web eID validators.
MAX_TOKEN_LENGTH = 10_000

Algorithm = Literal[
    "ES256",
    "ES384",
    "ES512",
    "PS256",
    "PS384",
    "PS512",
    "RS256",
    "RS384",
    "RS512",
]

_Base64 = Annotated[str, Field(min_length=4, max_length=8000), CanonicalBase64]


class SignatureAlgorithm(WireModel):
    """One signature algorithm of a signing certificate (1.1)."""

    crypto_algorithm: Literal["ECC", "RSA"]
    hash_function: Annotated[str, Field(pattern=r"^SHA(3)?-(224|256|384|512)$")]
    padding_scheme: Literal["NONE", "PKCS1.5", "PSS"]


class SigningCertificate(WireModel):
    """A signing certificate that a 1.1 token carries along, outside its signature."""

    certificate: _Base64
    supported_signature_algorithms: Annotated[
        list[SignatureAlgorithm], Field(min_length=1, max_length=32)
    ]


class AuthToken(WireModel):
    """A well-formed token. ``parse_token`` makes it.

    ``unverified_signing_certificates`` comes with ``web-eid:1.1``. The signature does
    not cover it, and nothing here uses it.
    """

    unverified_certificate: _Base64
    algorithm: Algorithm
    signature: Annotated[str, Field(min_length=4, max_length=1400), CanonicalBase64]
    format: Annotated[str, Field(pattern=r"^web-eid:1(\.[0-9]{1,3})?$")]
    app_version: Annotated[str, Field(min_length=1, max_length=255)]
    unverified_signing_certificates: Annotated[
        list[SigningCertificate] | None, Field(min_length=1, max_length=8)
    ] = None

    @model_validator(mode="after")
    def _signing_certificates_belong_to_1_1(self) -> Self:
        if self.format == "web-eid:1.1" and not self.unverified_signing_certificates:
            raise ValueError("missing unverifiedSigningCertificates")
        return self

    @property
    def certificate_der(self) -> bytes:
        """The certificate's DER encoding, as the token gives it."""
        return base64.b64decode(self.unverified_certificate)

    @property
    def signature_bytes(self) -> bytes:
        """The signature: raw r‖s for ECDSA, as long as the modulus for RSA."""
        return base64.b64decode(self.signature)


def parse_token(token: str | bytes | Mapping[str, object]) -> AuthToken:
    """Parse a token, given as JSON or as the parsed object.

    Raises ``AuthTokenParseError``, which names the field and quotes no input.
    """
    return read_object(
        token,
        lambda _: AuthToken,
        what="token",
        limit=MAX_TOKEN_LENGTH,
        error=AuthTokenParseError,
    )
