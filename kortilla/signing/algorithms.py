# SPDX-License-Identifier: MIT
"""The accepted signature algorithms, and the verification of one signature."""

import hashlib
from dataclasses import dataclass

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kortilla.errors import SignatureValidationError
from kortilla.signing.answer import PageSignature
from kortilla.validation.signature import ecdsa_der, load_public_key

__all__ = ["HASHES", "Digest", "key_hash_function", "verify_digest"]

#: Web eID's names, without SHA-224 and SHA3-224, which are too short for documents.
HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
    "SHA3-256": hashes.SHA3_256(),
    "SHA3-384": hashes.SHA3_384(),
    "SHA3-512": hashes.SHA3_512(),
}

#: The curves of FINEID cards and P-521, with the hash function of their length.
_CURVES = {"secp256r1": "SHA-256", "secp384r1": "SHA-384", "secp521r1": "SHA-512"}


@dataclass(frozen=True)
class Digest:
    """The digest of a content, with its hash function (``SHA-384``, …).

    Raises ``ValueError`` for a hash function that is not accepted, and for a digest of
    the wrong length.
    """

    value: bytes
    hash_function: str

    def __post_init__(self) -> None:
        if self.hash_function not in HASHES:
            raise ValueError(f"The hash function is none of {', '.join(HASHES)}.")
        if len(self.value) != HASHES[self.hash_function].digest_size:
            raise ValueError("The digest is not as long as its hash function gives.")

    @classmethod
    def of(cls, content: bytes, hash_function: str) -> "Digest":
        """Hash a content."""
        if hash_function not in HASHES:
            raise ValueError(f"The hash function is none of {', '.join(HASHES)}.")
        name = HASHES[hash_function].name.replace("-", "_")
        return cls(hashlib.new(name, content).digest(), hash_function)


def key_hash_function(certificate: x509.Certificate) -> str:
    """Return the preferred hash function of a certificate's key.

    It is the one of the curve's length, or SHA-256 for RSA.
    """
    key = load_public_key(certificate)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES[key.curve.name]
    return "SHA-256"


def verify_digest(
    certificate: x509.Certificate, signature: PageSignature, digest: bytes
) -> bytes:
    """Verify one signature over a digest of ``signature``'s hash function.

    ECDSA signatures are raw r‖s of exactly twice the curve's length; the salt of PSS is
    as long as the hash. Returns the signature in the encoding of CMS and X.509: DER for
    ECDSA, unchanged for RSA. Raises ``SignatureValidationError``, also for an algorithm
    that does not fit the certificate's key.
    """
    key = load_public_key(certificate)
    algorithm = signature.algorithm
    function = HASHES[algorithm.hash_function]
    prehashed = Prehashed(function)
    value = signature.value
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            named = algorithm.crypto_algorithm, algorithm.padding_scheme
            if named != ("ECC", "NONE"):
                raise InvalidSignature
            value = ecdsa_der(value, key)
            key.verify(value, digest, ec.ECDSA(prehashed))
        else:
            scheme = _rsa_scheme(signature, function)
            key.verify(value, digest, scheme, prehashed)
    except (InvalidSignature, UnsupportedAlgorithm):
        raise SignatureValidationError(
            "A signature is not the certificate's key's over what was to be signed."
        ) from None
    return value


def _rsa_scheme(
    signature: PageSignature, function: hashes.HashAlgorithm
) -> padding.AsymmetricPadding:
    algorithm = signature.algorithm
    # The cards' RSA keys sign SHA-2 only, and few CMS readers know SHA-3.
    if algorithm.crypto_algorithm != "RSA" or algorithm.hash_function.startswith(
        "SHA3"
    ):
        raise InvalidSignature
    if algorithm.padding_scheme == "PSS":
        return padding.PSS(padding.MGF1(function), function.digest_size)
    if algorithm.padding_scheme == "PKCS1.5":
        return padding.PKCS1v15()
    raise InvalidSignature
