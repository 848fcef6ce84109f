# SPDX-License-Identifier: MIT
"""How the mock card deciphers with its authentication key, and agrees on a secret."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from kortilla.mock_card.apdu import SW, StatusWordError
from kortilla.mock_card.keys import PrivateKey

#: The chosen algorithm of a key on a curve, which MSE does not name.
AGREEMENT = 0

_PKCS1 = 0x1A
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
    known = {_PKCS1, *_OAEP} if isinstance(key, rsa.RSAPrivateKey) else {AGREEMENT}
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
    if algorithm != _PKCS1:
        function = _OAEP[algorithm]
        scheme = padding.OAEP(padding.MGF1(function), function, label=None)
    try:
        return key.decrypt(data[1:], scheme)
    except ValueError:
        raise StatusWordError(SW.WRONG_DATA) from None
