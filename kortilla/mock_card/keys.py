# SPDX-License-Identifier: MIT
"""Private keys of the mock card and its test CA: how the card signs and deciphers."""

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


# -- Decryption ------------------------------------------------------------------------

#: The chosen algorithm of a key on a curve, which MSE does not name.
AGREEMENT = 0

_PKCS1_DECIPHER = 0x1A
_OAEP: dict[int, hashes.HashAlgorithm] = {
    0x1D: hashes.SHA1(),  # noqa: S303 - the card knows it, and old messages use it
    0x3D: hashes.SHA224(),
    0x4D: hashes.SHA256(),
    0x5D: hashes.SHA384(),
    0x6D: hashes.SHA512(),
}
_PLAIN = 0x00  # the first byte of a point as it is (padding indicator, ISO/IEC 7816-4)
_CRYPTOGRAM = 0x81


def check_decipherment(key: PrivateKey, algorithm: int) -> None:
    """Raise ``StatusWordError`` unless the key deciphers by the algorithm."""
    known = (
        {_PKCS1_DECIPHER, *_OAEP} if isinstance(key, rsa.RSAPrivateKey) else {AGREEMENT}
    )
    if algorithm not in known:
        raise StatusWordError(SW.WRONG_DATA)


def decipher(key: PrivateKey, algorithm: int, data: bytes, *, template: bool) -> bytes:
    """Return the plaintext, or the x coordinate of the shared point.

    ``data`` is what PSO DECIPHER carries. A point comes as it is, or in the template of
    ISO/IEC 7816-8 if ``template``. Raises ``StatusWordError``.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        return _decipher_rsa(key, algorithm, data)
    size = (key.key_size + 7) // 8
    point_size = 1 + 2 * size
    wanted = (
        bytes([0xA6, 5 + point_size, 0x7F, 0x49, 2 + point_size, 0x86, point_size])
        if template
        else bytes([_PLAIN])
    )
    point = data[len(wanted) :]
    if data[: len(wanted)] != wanted or len(point) != point_size or point[0] != 4:
        raise StatusWordError(SW.WRONG_DATA)
    try:
        other = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
    except ValueError:
        raise StatusWordError(SW.WRONG_DATA) from None
    return key.exchange(ec.ECDH(), other)


def _decipher_rsa(key: rsa.RSAPrivateKey, algorithm: int, data: bytes) -> bytes:
    if data[:1] != bytes([_CRYPTOGRAM]) or len(data) != 1 + key.key_size // 8:
        raise StatusWordError(SW.WRONG_DATA)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm != _PKCS1_DECIPHER:
        function = _OAEP[algorithm]
        scheme = padding.OAEP(padding.MGF1(function), function, label=None)
    try:
        return key.decrypt(data[1:], scheme)
    except ValueError:
        raise StatusWordError(SW.WRONG_DATA) from None
