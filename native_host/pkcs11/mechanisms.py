# SPDX-License-Identifier: MIT
"""The mechanisms of a card's key, and how each prepares the data to sign.

Most programs send a digest, or for PKCS#1 v1.5 the DigestInfo around it (RFC 8017
§9.2). RSA keys also have mechanisms that hash the data here, since OpenSSL's provider
needs them. ECDSA has none: NSS would use it, and works without.
"""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from native_host.card.certificate import CardCertificate
from native_host.card.signature import (
    HASH_SIZES,
    KeyType,
    Padding,
    SignatureAlgorithm,
    key_type_of,
)
from native_host.pkcs11.calls import CryptokiError
from native_host.pkcs11.constants import CKF, CKM, CKR, MGF_HASHES
from native_host.pkcs11.wire import Mechanism, PssParameters

if TYPE_CHECKING:
    from hashlib import _Hash

    from kortilla.encryption.algorithms import RsaPadding


@dataclass(frozen=True)
class _Kind:
    """A mechanism: its type of key, padding, and the hash function that it applies."""

    key_type: KeyType
    padding: Padding
    hash_function: str | None = None


# Mechanisms that hash stand first: pkcs11-tool tries the first one with any data.
_KINDS: dict[int, _Kind] = {
    CKM.ECDSA: _Kind(KeyType.ECC, Padding.NONE),
    CKM.SHA256_RSA_PKCS: _Kind(KeyType.RSA, Padding.PKCS1, "SHA-256"),
    CKM.SHA384_RSA_PKCS: _Kind(KeyType.RSA, Padding.PKCS1, "SHA-384"),
    CKM.SHA512_RSA_PKCS: _Kind(KeyType.RSA, Padding.PKCS1, "SHA-512"),
    CKM.SHA224_RSA_PKCS: _Kind(KeyType.RSA, Padding.PKCS1, "SHA-224"),
    CKM.SHA256_RSA_PKCS_PSS: _Kind(KeyType.RSA, Padding.PSS, "SHA-256"),
    CKM.SHA384_RSA_PKCS_PSS: _Kind(KeyType.RSA, Padding.PSS, "SHA-384"),
    CKM.SHA512_RSA_PKCS_PSS: _Kind(KeyType.RSA, Padding.PSS, "SHA-512"),
    CKM.SHA224_RSA_PKCS_PSS: _Kind(KeyType.RSA, Padding.PSS, "SHA-224"),
    CKM.RSA_PKCS: _Kind(KeyType.RSA, Padding.PKCS1),
    CKM.RSA_PKCS_PSS: _Kind(KeyType.RSA, Padding.PSS),
}

#: The hash functions that parameters of RSASSA-PSS may name.
HASHES: dict[int, str] = {
    CKM.SHA224: "SHA-224",
    CKM.SHA256: "SHA-256",
    CKM.SHA384: "SHA-384",
    CKM.SHA512: "SHA-512",
}
_BY_SIZE = {HASH_SIZES[name]: name for name in HASHES.values()}

# The bytes before the digest in a DigestInfo (RFC 8017 §9.2, note 1).
_DIGEST_INFO = {
    bytes.fromhex("302D300D06096086480165030402040500041C"): "SHA-224",
    bytes.fromhex("3031300D060960864801650304020105000420"): "SHA-256",
    bytes.fromhex("3041300D060960864801650304020205000430"): "SHA-384",
    bytes.fromhex("3051300D060960864801650304020305000440"): "SHA-512",
}
_LONGEST = 512  # bytes of data that is not hashed here: as long as the longest key


#: CK_MECHANISM_INFO: the least and the largest size of keys in bits, and flags.
MechanismInfo = tuple[int, int, int]


def mechanisms_of(certificate: CardCertificate) -> dict[int, MechanismInfo]:
    key_type = key_type_of(certificate.public_key)
    flags = CKF.HW | CKF.SIGN
    if key_type is KeyType.ECC:
        flags |= CKF.EC_F_P | CKF.EC_NAMEDCURVE | CKF.EC_UNCOMPRESS
    bits = (256, 384) if key_type is KeyType.ECC else (2048, 4096)
    return {
        int(mechanism): (*bits, int(flags))
        for mechanism, kind in _KINDS.items()
        if kind.key_type is key_type
    }


@dataclass
class Decryption:
    """A decryption that has begun. ``plain`` is what the client had no room for."""

    certificate: CardCertificate
    padding: "RsaPadding"
    plain: bytes | None = field(default=None, repr=False)


@dataclass
class SignOperation:
    """A signature operation that has started. ``size`` is its length in bytes.

    ``in_parts`` says that its data comes with C_SignUpdate.
    """

    certificate: CardCertificate
    size: int
    in_parts: bool = False
    _kind: _Kind = field(repr=False, kw_only=True)
    _pss_hash: str | None = field(repr=False, kw_only=True)
    _hash: "_Hash | None" = field(repr=False, kw_only=True)
    _data: bytes = field(default=b"", repr=False, kw_only=True)

    @classmethod
    def begin(
        cls, certificate: CardCertificate, mechanism: Mechanism
    ) -> "SignOperation":
        """Start a signature.

        Raises ``CryptokiError`` for a mechanism that the key does not have.
        """
        key = certificate.public_key
        kind = _KINDS.get(mechanism.type)
        if kind is None or kind.key_type is not key_type_of(key):
            raise CryptokiError(CKR.MECHANISM_INVALID)
        pss_hash = None
        if kind.padding is Padding.PSS:
            pss_hash = _hash_of(mechanism.parameters)
            if kind.hash_function not in {None, pss_hash}:
                raise CryptokiError(CKR.MECHANISM_PARAM_INVALID)
        name = kind.hash_function
        size = (key.key_size + 7) // 8
        return cls(
            certificate,
            size if kind.key_type is KeyType.RSA else 2 * size,
            _kind=kind,
            _pss_hash=pss_hash,
            _hash=hashlib.new(name.replace("-", "")) if name else None,
        )

    def take(self, data: bytes | bytearray) -> None:
        """Store data to sign. Raises ``CryptokiError`` if it is too long."""
        if self._hash is not None:
            self._hash.update(data)
            return
        self._data += data
        if len(self._data) > _LONGEST:
            raise CryptokiError(CKR.DATA_LEN_RANGE)

    def finish(self) -> tuple[SignatureAlgorithm, bytes]:
        """Return the algorithm and the digest to sign.

        Raises ``CryptokiError`` for data that the mechanism can't sign.
        """
        kind, digest = self._kind, self._data
        if self._hash is not None:
            name, digest = kind.hash_function, self._hash.digest()
        elif kind.padding is Padding.NONE:
            name = _BY_SIZE.get(len(digest))
        elif kind.padding is Padding.PKCS1:
            name, digest = _digest_in(digest)
        else:
            name = self._pss_hash
        if name is None or len(digest) != HASH_SIZES[name]:
            raise CryptokiError(CKR.DATA_LEN_RANGE)
        return SignatureAlgorithm(kind.key_type, name, kind.padding), digest


def _hash_of(parameters: object) -> str:
    """Return the hash of PSS parameters, which also sets the card's salt length."""
    if not isinstance(parameters, PssParameters):
        raise CryptokiError(CKR.MECHANISM_PARAM_INVALID)
    name = HASHES.get(parameters.hash)
    if (
        name is None
        or MGF_HASHES.get(parameters.mgf) != parameters.hash
        or parameters.salt != HASH_SIZES[name]
    ):
        raise CryptokiError(CKR.MECHANISM_PARAM_INVALID)
    return name


def _digest_in(data: bytes) -> tuple[str, bytes]:
    for prefix, name in _DIGEST_INFO.items():
        if data.startswith(prefix) and len(data) == len(prefix) + HASH_SIZES[name]:
            return name, data[len(prefix) :]
    raise CryptokiError(CKR.DATA_INVALID)
