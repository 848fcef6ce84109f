# SPDX-License-Identifier: MIT
"""The mechanisms that a card's key has, and what each makes of the data to sign.

Hashing is the caller's: a digest comes, or for PKCS#1 v1.5 the DigestInfo around it
(RFC 8017 §9.2). Which program hashed what can't be seen here.
"""

from dataclasses import dataclass

from native_host.card.certificate import CardCertificate
from native_host.card.signature import (
    HASH_SIZES,
    KeyType,
    Padding,
    SignatureAlgorithm,
    SignatureScheme,
    key_type_of,
)

from .constants import CKF, CKM, CKR, MGF_HASHES
from .errors import Refused
from .wire import Mechanism, PssParameters

__all__ = ["MechanismInfo", "SignOperation", "mechanisms_of"]

_HASHES: dict[int, str] = {
    CKM.SHA224: "SHA-224",
    CKM.SHA256: "SHA-256",
    CKM.SHA384: "SHA-384",
    CKM.SHA512: "SHA-512",
}
_BY_SIZE = {HASH_SIZES[name]: name for name in _HASHES.values()}

# What stands before a digest in its DigestInfo (RFC 8017 §9.2, note 1).
_DIGEST_INFO = {
    bytes.fromhex("302D300D06096086480165030402040500041C"): "SHA-224",
    bytes.fromhex("3031300D060960864801650304020105000420"): "SHA-256",
    bytes.fromhex("3041300D060960864801650304020205000430"): "SHA-384",
    bytes.fromhex("3051300D060960864801650304020305000440"): "SHA-512",
}
_PADDING = 11  # bytes that PKCS#1 v1.5 needs at least


@dataclass(frozen=True)
class MechanismInfo:
    """CK_MECHANISM_INFO; the sizes of keys are in bits."""

    min_key_size: int
    max_key_size: int
    flags: int


def mechanisms_of(certificate: CardCertificate) -> dict[int, MechanismInfo]:
    """Return what the key of a certificate can be used with, by its mechanisms."""
    if key_type_of(certificate.public_key) is KeyType.ECC:
        curve = CKF.EC_F_P | CKF.EC_NAMEDCURVE | CKF.EC_UNCOMPRESS
        info = MechanismInfo(256, 384, CKF.HW | CKF.SIGN | curve)
        return {CKM.ECDSA: info}
    info = MechanismInfo(2048, 4096, CKF.HW | CKF.SIGN)
    return {CKM.RSA_PKCS: info, CKM.RSA_PKCS_PSS: info}


@dataclass(frozen=True)
class SignOperation:
    """A signature that has been begun. ``size`` is how many bytes it will have."""

    certificate: CardCertificate
    mechanism: Mechanism
    size: int

    @classmethod
    def begin(
        cls, certificate: CardCertificate, mechanism: Mechanism
    ) -> "SignOperation":
        """Begin one. Raises ``Refused`` for a mechanism that the key has not."""
        if mechanism.type not in mechanisms_of(certificate):
            raise Refused(CKR.MECHANISM_INVALID)
        if mechanism.type == CKM.RSA_PKCS_PSS:
            _pss_hash(mechanism.parameters)
        key = certificate.public_key
        size = (key.key_size + 7) // 8
        if key_type_of(key) is KeyType.ECC:
            size *= 2
        return cls(certificate, mechanism, size)

    def algorithm(self, data: bytes) -> tuple[SignatureAlgorithm, bytes]:
        """Return how the data is signed, and the digest in it. Raises ``Refused``."""
        match self.mechanism.type:
            case CKM.ECDSA:
                name, digest = _BY_SIZE.get(len(data)), data
                algorithm = (KeyType.ECC, name, Padding.NONE)
            case CKM.RSA_PKCS:
                if len(data) > self.size - _PADDING:
                    raise Refused(CKR.DATA_LEN_RANGE)
                name, digest = _digest_in(data)
                algorithm = (KeyType.RSA, name, Padding.PKCS1)
            case _:
                name, digest = _pss_hash(self.mechanism.parameters), data
                algorithm = (KeyType.RSA, name, Padding.PSS)
        key_type, name, padding = algorithm
        if name is None or len(digest) != HASH_SIZES[name]:
            raise Refused(CKR.DATA_LEN_RANGE)
        wanted = SignatureAlgorithm(key_type, name, padding)
        SignatureScheme(self.certificate.public_key, wanted)
        return wanted, digest


def _pss_hash(parameters: PssParameters | None) -> str:
    """Return the one hash of PSS: the card's salt is as long as it."""
    if parameters is None:
        raise Refused(CKR.MECHANISM_PARAM_INVALID)
    name = _HASHES.get(parameters.hash)
    if (
        name is None
        or MGF_HASHES.get(parameters.mgf) != parameters.hash
        or parameters.salt != HASH_SIZES[name]
    ):
        raise Refused(CKR.MECHANISM_PARAM_INVALID)
    return name


def _digest_in(data: bytes) -> tuple[str, bytes]:
    for prefix, name in _DIGEST_INFO.items():
        if data.startswith(prefix) and len(data) == len(prefix) + HASH_SIZES[name]:
            return name, data[len(prefix) :]
    raise Refused(CKR.DATA_INVALID)
