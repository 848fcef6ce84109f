# SPDX-License-Identifier: MIT
"""Private keys of the mock card and its test CA, and how the card signs with them."""

import functools

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from kortilla.mock_card.apdu import SW, StatusWordError
from kortilla.mock_card.profiles import KeyType

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def generate_key(key_type: KeyType) -> PrivateKey:
    """Make a private key of the kind."""
    match key_type:
        case KeyType.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyType.P384:
            return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=key_type.rsa_bits)


@functools.lru_cache(maxsize=64)  # a card loads its keys each time that it is connected
def load_private_key(der: bytes) -> PrivateKey:
    """Load PKCS#8 DER of one of the kinds used here. Raises ``ValueError``."""
    # The mock card's keys need no primality test, which takes tens of ms.
    key = serialization.load_der_private_key(
        der, password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("neither an elliptic curve nor an RSA key")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    return key


def private_key_der(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 DER."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def sign_digest(
    key: PrivateKey, digest: bytes, function: hashes.HashAlgorithm, *, pss: bool = False
) -> bytes:
    """Sign a digest of a hash function, as the card does: ECDSA gives raw r‖s.

    RSA pads by PKCS #1 v1.5, or by PSS with a salt as long as the digest.
    """
    prehashed = utils.Prehashed(function)
    if isinstance(key, rsa.RSAPrivateKey):
        if not pss:
            return key.sign(digest, padding.PKCS1v15(), prehashed)
        mask = padding.MGF1(function)
        return key.sign(digest, padding.PSS(mask, function.digest_size), prehashed)
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(prehashed)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


# MSE's algorithm byte (docs/reference/card.md, "Algorithms"): the hash in the high
# nibble, the scheme in the low one.
_HASHES: dict[int, hashes.HashAlgorithm] = {
    3: hashes.SHA224(),
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}
_SHA1 = 1
_PKCS1, _ECDSA, _PSS = 2, 4, 5


def check_algorithm(key: PrivateKey, algorithm: int) -> None:
    """Raise ``StatusWordError`` unless the key supports the algorithm."""
    if algorithm >> 4 == _SHA1:
        raise StatusWordError(SW.NOT_ALLOWED)
    schemes = {_PKCS1, _PSS} if isinstance(key, rsa.RSAPrivateKey) else {_ECDSA}
    if algorithm >> 4 not in _HASHES or algorithm & 0x0F not in schemes:
        raise StatusWordError(SW.WRONG_DATA)


def digest_size(algorithm: int) -> int:
    """Return the length in bytes of the digest that the algorithm signs."""
    return _HASHES[algorithm >> 4].digest_size


def signature_size(key: PrivateKey) -> int:
    """Return the length in bytes of a signature by ``sign_by_algorithm``."""
    size = (key.key_size + 7) // 8
    return size if isinstance(key, rsa.RSAPrivateKey) else 2 * size


def sign_by_algorithm(key: PrivateKey, algorithm: int, digest: bytes) -> bytes:
    """Sign a digest as MSE's algorithm byte says."""
    function = _HASHES[algorithm >> 4]
    return sign_digest(key, digest, function, pss=algorithm & 0x0F == _PSS)
