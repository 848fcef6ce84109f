# SPDX-License-Identifier: MIT
"""The public key of a certificate, and the signature of a token.

The signature is over H(origin) ‖ H(nonce).
"""

import hashlib

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.errors import (
    AuthTokenSignatureValidationError,
    UserCertificateParseError,
    UserCertificateWeakKeyError,
)
from kortilla.validation.token import Algorithm

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_ECDSA = {f"ES{size}": ec.ECDSA(each) for size, each in _HASHES.items()}
#: The padding of RSA by algorithm. The salt of PSS is as long as the hash.
_PADDINGS: dict[str, padding.AsymmetricPadding] = {
    **{f"RS{size}": padding.PKCS1v15() for size in _HASHES},
    **{
        f"PS{size}": padding.PSS(padding.MGF1(each), each.digest_size)
        for size, each in _HASHES.items()
    },
}

#: JWA ties each ECDSA algorithm to one curve (RFC 7518 §3.4).
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_KNOWN_CURVES = frozenset(_CURVES.values())
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 8192


def load_public_key(certificate: x509.Certificate) -> PublicKey:
    """Return a certificate's key: P-256, P-384, P-521, or RSA of 2048 to 8192 bits.

    Raises as ``read_public_key``.
    """
    try:
        encoded: bytes = certificate.public_key.dump()
    except Exception as error:  # asn1crypto raises any
        raise _unreadable() from error
    return read_public_key(encoded)


def read_public_key(encoded: bytes) -> PublicKey:
    """Return a key, given as a SubjectPublicKeyInfo in DER, as ``load_public_key``.

    Raises ``UserCertificateWeakKeyError`` for an RSA key that is shorter or can be
    computed (ROCA), and ``UserCertificateParseError`` for any
    other.
    """
    try:
        key = load_der_public_key(encoded)
    except Exception as error:  # it documents ValueError and UnsupportedAlgorithm
        raise _unreadable() from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size <= _MAX_RSA_BITS:
        if key.key_size < _MIN_RSA_BITS:
            raise UserCertificateWeakKeyError(
                f"The certificate's RSA key has {key.key_size} bits, which is too few."
            )
        if has_roca_fingerprint(key.public_numbers().n):
            raise UserCertificateWeakKeyError(
                "The certificate's RSA key can be computed (CVE-2017-15361)."
            )
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _KNOWN_CURVES:
        return key
    raise UserCertificateParseError(
        "The certificate's public key is not of a kind that a token is signed with."
    )


def _unreadable() -> UserCertificateParseError:
    return UserCertificateParseError("The certificate's public key can't be read.")


def verify_signature(
    key: PublicKey,
    *,
    algorithm: Algorithm,
    signature: bytes,
    origin: str,
    nonce: str,
) -> None:
    """Verify a token's signature with the key of its certificate.

    Origin and nonce are hashed as UTF-8. ECDSA signatures are raw r‖s of exactly twice
    the curve's length; the salt of PSS is as long as the hash. Raises
    ``AuthTokenSignatureValidationError``, also for an algorithm that does not fit the
    certificate's key.
    """
    hash_algorithm = _HASHES[algorithm[2:]]
    message = b"".join(
        hashlib.new(hash_algorithm.name, text.encode("utf-8")).digest()
        for text in (origin, nonce)
    )
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if key.curve.name != _CURVES.get(algorithm):
                raise InvalidSignature
            der = ecdsa_der(signature, key)
            key.verify(der, message, _ECDSA[algorithm])
        elif algorithm in _CURVES:
            raise InvalidSignature
        else:
            key.verify(signature, message, _PADDINGS[algorithm], hash_algorithm)
    except InvalidSignature:
        raise AuthTokenSignatureValidationError(
            "The token's signature does not fit the certificate, this service's "
            "origin and the challenge."
        ) from None


def ecdsa_der(raw: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the DER encoding of a signature r‖s of a key.

    Raises ``InvalidSignature`` unless it is exactly twice as long as the curve.
    """
    size = (key.key_size + 7) // 8
    if len(raw) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(raw[:size]), int.from_bytes(raw[size:]))


# --- ROCA, CVE-2017-15361: RSA keys that can be computed
#
# A library of smart card chips made its primes as ``k·M + (65537^a mod M)``, where M is
# the product of the first primes. So the modulus N of such a key is a power of 65537
# modulo each small prime. For other keys this is true once in many millions
# (Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, 2017, §2).

_GENERATOR = 65537
#: M contains the primes up to 167 even for the shortest keys.
_LARGEST_PRIME = 167


def _subgroup(prime: int) -> frozenset[int]:
    powers = [1]
    while (power := powers[-1] * _GENERATOR % prime) != 1:
        powers.append(power)
    return frozenset(powers)


def _primes(limit: int) -> list[int]:
    primes: list[int] = []
    for number in range(2, limit + 1):
        if all(number % prime for prime in primes):
            primes.append(number)
    return primes


#: The primes for which some residues are no power of 65537.
_SUBGROUPS = [
    (prime, subgroup)
    for prime in _primes(_LARGEST_PRIME)
    if len(subgroup := _subgroup(prime)) < prime - 1
]


def has_roca_fingerprint(modulus: int) -> bool:
    """Return whether an RSA modulus has the structure of the broken library's keys."""
    return all(modulus % prime in subgroup for prime, subgroup in _SUBGROUPS)
