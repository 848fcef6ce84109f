# SPDX-License-Identifier: MIT
"""The signatures that a key makes, and their verification."""

from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from kortilla.common.hash_functions import HASH_FUNCTIONS
from native_host.card.errors import CardError
from native_host.errors import InvalidArgumentError

PublicKey = ec.EllipticCurvePublicKey | RSAPublicKey

#: The supported hash functions, by Web eID's names, with their digests' bytes.
HASH_SIZES = {name: hash_.digest_size for name, hash_ in HASH_FUNCTIONS.items()}

# Nibbles of the card's algorithm byte (docs/reference/card.md, "Algorithms").
_HASH_NIBBLES = {"SHA-224": 3, "SHA-256": 4, "SHA-384": 5, "SHA-512": 6}
_ECDSA = 4


class KeyType(StrEnum):
    """The kind of a key, as Web eID's ``cryptoAlgorithm`` names it."""

    ECC = "ECC"
    RSA = "RSA"


def key_type_of(key: PublicKey) -> KeyType:
    """Return the kind of a key."""
    return KeyType.ECC if isinstance(key, ec.EllipticCurvePublicKey) else KeyType.RSA


class Padding(StrEnum):
    """Web eID's ``paddingScheme``."""

    NONE = "NONE"
    PKCS1 = "PKCS1.5"
    PSS = "PSS"


_PADDING_NIBBLES = {Padding.PKCS1: 2, Padding.PSS: 5}


@dataclass(frozen=True)
class SignatureAlgorithm:
    """A signature algorithm. ``hash_function`` is a key of ``HASH_SIZES``."""

    key_type: KeyType
    hash_function: str
    padding: Padding = Padding.NONE

    @property
    def name(self) -> str:
        """JWA's name (``ES384``, ``PS256``, ``RS256``), for any curve.

        JWA knows no SHA-3 and no SHA-224: ``SHA3-384withECDSA``.
        """
        if self.hash_function not in {"SHA-256", "SHA-384", "SHA-512"}:
            kind = {Padding.NONE: "ECDSA", Padding.PKCS1: "RSA"}
            return f"{self.hash_function}with{kind.get(self.padding, 'RSASSA-PSS')}"
        prefix = {Padding.NONE: "ES", Padding.PKCS1: "RS", Padding.PSS: "PS"}
        return prefix[self.padding] + self.hash_function.removeprefix("SHA-")


def supported_algorithms(key: PublicKey) -> tuple[SignatureAlgorithm, ...]:
    """Return a key's algorithms, with its preferred one first.

    ECDSA accepts a digest of any hash function. RSA's paddings name the function, and
    the card knows SHA-2 alone.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        first = ("SHA-384", "SHA-256") if key.key_size > 256 else ("SHA-256", "SHA-384")
        names = dict.fromkeys((*first, "SHA-512", "SHA-224", *HASH_SIZES))
        return tuple(SignatureAlgorithm(KeyType.ECC, name) for name in names)
    return tuple(
        SignatureAlgorithm(KeyType.RSA, name, scheme)
        for scheme in (Padding.PKCS1, Padding.PSS)
        for name in ("SHA-256", "SHA-384", "SHA-512", "SHA-224")
    )


def token_algorithm(key: PublicKey) -> SignatureAlgorithm:
    """Return a key's algorithm for a token of web-eid:1.0: ES384, ES256 or PS256."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return supported_algorithms(key)[0]
    return SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PSS)


class SignatureScheme:
    """One algorithm with one public key: the card's input and its output.

    ``size`` is the length of a signature in bytes. Raises ``InvalidArgumentError`` if
    the key does not support the algorithm.
    """

    def __init__(self, key: PublicKey, algorithm: SignatureAlgorithm) -> None:
        if algorithm not in supported_algorithms(key):
            raise InvalidArgumentError(f"The key can't sign with {algorithm.name}.")
        self._key = key
        self._padding = algorithm.padding
        self._hash = HASH_FUNCTIONS[algorithm.hash_function]
        key_bytes = (key.key_size + 7) // 8
        self._forms: tuple[tuple[int, int], ...]
        if isinstance(key, ec.EllipticCurvePublicKey):
            # ECDSA signs the leftmost bits of a digest, up to the curve's size, as a
            # number (FIPS 186-5 §6.4.1). So each digest becomes one of the two kinds
            # that real cards have signed: 32 bytes, or 48 with a P-384 key. Zeros in
            # front make a short one into the other kind, with the same signature.
            self._forms = ((4 << 4 | _ECDSA, 32), (5 << 4 | _ECDSA, 48))
            if key_bytes < 48:
                self._forms = self._forms[:1]
            elif self._hash.digest_size >= 48:
                self._forms = self._forms[1:]
            self.size = 2 * key_bytes
        else:
            nibble = _HASH_NIBBLES[algorithm.hash_function]
            card_algorithm = nibble << 4 | _PADDING_NIBBLES[algorithm.padding]
            self._forms = ((card_algorithm, self._hash.digest_size),)
            self.size = key_bytes

    def card_inputs(self, digest: bytes) -> list[tuple[int, bytes]]:
        """Return the forms in which the card may take a digest, the usual one first.

        Each is MSE's algorithm byte (docs/reference/card.md, "Algorithms") and the
        bytes of HASH. All give the same signature. Raises ``InvalidArgumentError``.
        """
        if len(digest) != self._hash.digest_size:
            raise InvalidArgumentError(
                f"A digest of {self._hash.name} has {self._hash.digest_size} bytes, "
                f"not {len(digest)}."
            )
        return [
            (algorithm, digest[:size].rjust(size, b"\x00"))
            for algorithm, size in self._forms
        ]

    def verify(self, signature: bytes, digest: bytes) -> None:
        """Verify the card's signature. Raises ``SIGNATURE_INVALID``."""
        if len(signature) != self.size:
            raise CardError(
                f"The card's signature has {len(signature)} bytes, not {self.size}.",
                code="SIGNATURE_INVALID",
            )
        prehashed = Prehashed(self._hash)
        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                half = self.size // 2
                der = encode_dss_signature(
                    int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
                )
                self._key.verify(der, digest, ec.ECDSA(prehashed))
            elif self._padding is Padding.PSS:
                pss = padding.PSS(padding.MGF1(self._hash), self._hash.digest_size)
                self._key.verify(signature, digest, pss, prehashed)
            else:
                self._key.verify(signature, digest, padding.PKCS1v15(), prehashed)
        except InvalidSignature:
            raise CardError(
                "The card's signature does not verify with its own certificate.",
                code="SIGNATURE_INVALID",
            ) from None
