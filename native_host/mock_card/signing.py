# SPDX-License-Identifier: MIT
"""The algorithms of the mock card's keys, by MSE's algorithm byte.

See docs/reference/card.md, "Algorithms".
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from kortilla.testing import keys
from kortilla.testing.keys import PrivateKey
from native_host.mock_card.apdu import SW, StatusWordError

__all__ = ["check_algorithm", "digest_size", "sign_digest", "signature_size"]

# The algorithm byte: hash in the high nibble, scheme in the low one.
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
    schemes = {_PKCS1, _PSS} if isinstance(key, RSAPrivateKey) else {_ECDSA}
    if algorithm >> 4 not in _HASHES or algorithm & 0x0F not in schemes:
        raise StatusWordError(SW.WRONG_DATA)


def digest_size(algorithm: int) -> int:
    """Return the length in bytes of the digest that the algorithm signs."""
    return _HASHES[algorithm >> 4].digest_size


def signature_size(key: PrivateKey) -> int:
    """Return the length in bytes of a signature by ``sign_digest``."""
    size = (key.key_size + 7) // 8
    return size if isinstance(key, RSAPrivateKey) else 2 * size


def sign_digest(key: PrivateKey, algorithm: int, digest: bytes) -> bytes:
    """Sign a digest: RSA as it is, ECDSA as raw r‖s."""
    function = _HASHES[algorithm >> 4]
    return keys.sign_digest(key, digest, function, pss=algorithm & 0x0F == _PSS)
