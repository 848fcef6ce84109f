# SPDX-License-Identifier: MIT
"""Decryption with the card's authentication key, for files and mail (PIN1).

No web page may cause it: a test walks the imports of ``native_host.messaging``, which
must not reach this module. docs/reference/card.md, "Commands", has the commands.
"""

import logging

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kortilla.encryption.algorithms import RsaPadding
from native_host.card.apdu import SW
from native_host.card.errors import CardError, UnsupportedCardError
from native_host.card.files import Tlv
from native_host.card.fineid import CardKey, FineidCard, KeyRole

logger = logging.getLogger(__name__)

_ALGORITHMS = {
    RsaPadding.PKCS1: 0x1A,
    RsaPadding.OAEP_SHA1: 0x1D,
    RsaPadding.OAEP_SHA224: 0x3D,
    RsaPadding.OAEP_SHA256: 0x4D,
    RsaPadding.OAEP_SHA384: 0x5D,
    RsaPadding.OAEP_SHA512: 0x6D,
}
_CRYPTOGRAM = b"\x81"  # the padding indicator of a cryptogram of RSA
_POINT = b"\x00"  # the padding indicator of a point
# The template of ISO/IEC 7816-8 for a public key.
_AGREEMENT, _PUBLIC_KEY, _PUBLIC_POINT = 0xA6, 0x7F49, 0x86

#: The card's answers to data that it can't decipher. A missing PIN is none of them.
_REFUSED = frozenset({SW.WRONG_DATA, SW.WRONG_ORDER, SW.WRONG_LENGTH, SW.NOT_ALLOWED})
_OTHER_FORM = frozenset({SW.WRONG_DATA, SW.WRONG_ORDER})


class CardDecryption:
    """The ``DecryptionKey`` of a card whose PIN1 was verified before.

    All methods block and raise the card's errors, except for data that the card
    refuses: then they return None.
    """

    def __init__(self, card: FineidCard, key: CardKey) -> None:
        if key.role is not KeyRole.AUTHENTICATION:
            raise UnsupportedCardError("The signature key never decrypts.")
        self._card = card
        self._key = key
        self._certificate = card.certificate(key)

    @property
    def certificate(self) -> bytes:
        """The certificate of the key (DER)."""
        return self._certificate.der

    def decrypt(self, encrypted: bytes, padding: RsaPadding) -> bytes | None:
        """Decrypt with an RSA key. ``encrypted`` is as long as its modulus."""
        key = self._certificate.public_key
        size = (key.key_size + 7) // 8
        if not isinstance(key, rsa.RSAPublicKey) or len(encrypted) != size:
            return None
        return self._decipher(_CRYPTOGRAM + encrypted, _ALGORITHMS[padding])

    def agree(self, point: bytes) -> bytes | None:
        """Return the x coordinate of the shared point, or None.

        A point off the curve would reveal the key, so it never reaches the card. The
        card takes a point as it is, or in a template. Which one Finland's cards take is
        not known: the second is tried once, if the card refuses the first one's form.
        """
        key = self._certificate.public_key
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return None
        size = (key.key_size + 7) // 8
        if len(point) != 1 + 2 * size:
            return None
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
        except ValueError:
            return None
        try:
            shared: bytes | None = self._card.decipher(
                self._key, _POINT + point, algorithm=None
            )
        except CardError as error:
            if error.status_word not in _OTHER_FORM:
                raise
            logger.info("The card takes a point only in a template.")
            public_key = Tlv(_PUBLIC_KEY, Tlv(_PUBLIC_POINT, point))
            shared = self._decipher(Tlv(_AGREEMENT, public_key), None)
        return shared if shared is not None and len(shared) == size else None

    def _decipher(self, data: bytes, algorithm: int | None) -> bytes | None:
        try:
            return self._card.decipher(self._key, data, algorithm=algorithm)
        except CardError as error:
            if error.status_word not in _REFUSED:
                raise
            return None
