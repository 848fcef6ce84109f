# SPDX-License-Identifier: MIT
"""Verification of signatures by CAs and responders: ECDSA and RSA, without SHA-1."""

import functools
import hashlib
from typing import Any, Literal, NamedTuple

from asn1crypto import algos
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.revocation import der
from kortilla.revocation.interface import NoAnswerError, Reason

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: Octets hashed at once; other threads run meanwhile.
_CHUNK = 1 << 20
_RSA_BITS = 2048
_MOST_OCTETS = 256  # of an AlgorithmIdentifier


class _Scheme(NamedTuple):
    """How a signature was made; ``salt`` is in octets, and of PSS alone."""

    kind: Literal["ecdsa", "pkcs1", "pss"]
    hash: hashes.HashAlgorithm
    salt: int = 0


def _schemes(
    kind: Literal["ecdsa", "pkcs1"], arc: str, first: int
) -> dict[bytes, _Scheme]:
    """Return the schemes of three OIDs below an arc, by AlgorithmIdentifier in DER.

    Some have no parameters and some have NULL: RFC 4055 §5 demands to accept both for
    RSA, and FINEID has both for ECDSA.
    """
    return {
        der.encode(
            der.SEQUENCE,
            der.encode(der.OID, bytes.fromhex(arc) + bytes((number,))),
            parameters,
        ): _Scheme(kind, hash_algorithm)
        for number, hash_algorithm in enumerate(_HASHES.values(), first)
        for parameters in (b"", b"\x05\x00")
    }


_SCHEMES = {
    **_schemes("ecdsa", "2A8648CE3D0403", 2),  # RFC 5758 §3.2
    **_schemes("pkcs1", "2A864886F70D0101", 11),  # RFC 4055 §5
}


def verify(
    spki: bytes, algorithm: bytes, signature: bytes, signed: bytes | memoryview
) -> None:
    """Verify a signature over bytes with a key (DER of a SubjectPublicKeyInfo).

    ``algorithm`` is the DER of an AlgorithmIdentifier. Raises ``NoAnswerError``.
    """
    scheme = _SCHEMES.get(algorithm) or _read_pss(algorithm)
    data: Any = signed  # cryptography takes any buffer, and says that it takes bytes
    function: hashes.HashAlgorithm | Prehashed = scheme.hash
    if len(signed) > _CHUNK:
        digest = hashlib.new(scheme.hash.name)
        for start in range(0, len(signed), _CHUNK):
            digest.update(signed[start : start + _CHUNK])
        data, function = digest.digest(), Prehashed(scheme.hash)
    try:
        key = _load_key(spki)
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme.kind == "ecdsa":
            key.verify(signature, data, ec.ECDSA(function))
        elif isinstance(key, rsa.RSAPublicKey) and scheme.kind != "ecdsa":
            if key.key_size < _RSA_BITS:
                raise NoAnswerError(
                    Reason.SIGNATURE_ALGORITHM, "the key that signed is too short."
                )
            filling: padding.AsymmetricPadding = padding.PKCS1v15()
            if scheme.kind == "pss":
                filling = padding.PSS(padding.MGF1(scheme.hash), scheme.salt)
            key.verify(signature, data, filling, function)
        else:
            raise InvalidSignature
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise NoAnswerError(
            Reason.SIGNATURE, "the signature is not the one of who should have signed."
        ) from error


@functools.lru_cache(maxsize=64)
def is_issued_by(encoded: bytes, issuer_spki: bytes) -> bool:
    """Return whether a key signed a certificate. Cached, as it recurs at each login."""
    part = der.SignedPart.parse(encoded)
    try:
        verify(
            issuer_spki, part.algorithm, part.signature, memoryview(part.signed.whole)
        )
    except NoAnswerError:
        return False
    return True


@functools.lru_cache(maxsize=64)
def _load_key(spki: bytes) -> object:
    return load_der_public_key(spki)


def _read_pss(algorithm: bytes) -> _Scheme:
    try:
        if len(algorithm) > _MOST_OCTETS:
            raise ValueError("an algorithm that long")
        parsed = algos.SignedDigestAlgorithm.load(algorithm, strict=True)
        if parsed["algorithm"].native != "rsassa_pss":
            raise ValueError("an algorithm that is not known")
        parameters: Any = parsed["parameters"]
        name = parameters["hash_algorithm"]["algorithm"].native
        mask, salt = parameters["mask_gen_algorithm"], parameters["salt_length"].native
        if (
            mask["algorithm"].native != "mgf1"
            or mask["parameters"]["algorithm"].native != name
            or parameters["trailer_field"].native != "trailer_field_bc"
            or not 0 <= salt <= 64
        ):
            raise ValueError("parameters of PSS")
        return _Scheme("pss", _HASHES[name], salt)
    except (ValueError, TypeError, KeyError) as error:
        raise NoAnswerError(
            Reason.SIGNATURE_ALGORITHM,
            "it is signed with an algorithm that is not accepted (SHA-256, SHA-384 and "
            "SHA-512 with ECDSA or RSA are).",
        ) from error
