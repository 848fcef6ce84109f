# SPDX-License-Identifier: MIT
"""Which signature a key makes of a digest, and whether the card made a good one."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from native_host.errors import InvalidArgument

from .certificate import PublicKey
from .errors import SignatureInvalid

__all__ = ["SignatureScheme"]

# By the digest's length in bytes: the hash, and its nibble in the algorithm byte.
_HASHES: dict[int, tuple[int, hashes.HashAlgorithm]] = {
    28: (3, hashes.SHA224()),
    32: (4, hashes.SHA256()),
    48: (5, hashes.SHA384()),
    64: (6, hashes.SHA512()),
}

_ECDSA, _PSS = 4, 5  # scheme nibbles of the algorithm byte


class SignatureScheme:
    """ECDSA or RSASSA-PSS over a digest of ``digest_size`` bytes, as the key decides.

    ``card_algorithm`` is the algorithm byte of MSE (card.md, "Commands"), ``size`` the
    length of a signature in bytes. Raises ``InvalidArgument`` for a length that no
    hash has.
    """

    def __init__(self, key: PublicKey, digest_size: int) -> None:
        if digest_size not in _HASHES:
            raise InvalidArgument(f"No hash gives a digest of {digest_size} bytes.")
        nibble, self._hash = _HASHES[digest_size]
        self._key = key
        key_bytes = (key.key_size + 7) // 8
        if isinstance(key, ec.EllipticCurvePublicKey):
            self.card_algorithm, self.size = nibble << 4 | _ECDSA, 2 * key_bytes
        else:
            self.card_algorithm, self.size = nibble << 4 | _PSS, key_bytes

    def verify(self, signature: bytes, digest: bytes) -> None:
        """Verify a signature as the card gives it. Raises ``SignatureInvalid``."""
        if len(signature) != self.size:
            raise SignatureInvalid(
                f"The card's signature has {len(signature)} bytes, not {self.size}."
            )
        algorithm = Prehashed(self._hash)
        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                half = self.size // 2
                der = encode_dss_signature(
                    int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
                )
                self._key.verify(der, digest, ec.ECDSA(algorithm))
            else:
                pss = padding.PSS(padding.MGF1(self._hash), self._hash.digest_size)
                self._key.verify(signature, digest, pss, algorithm)
        except InvalidSignature:
            raise SignatureInvalid(
                "The card's signature does not verify with its own certificate."
            ) from None
