# SPDX-License-Identifier: MIT
"""Verification of signatures by CAs and responders: ECDSA and RSA, without SHA-1."""

import functools
import hashlib

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


def verify(spki: bytes, algorithm: bytes, signature: bytes, signed: memoryview) -> None:
    """Verify a signature over bytes with a key (DER of a SubjectPublicKeyInfo).

    ``algorithm`` is the DER of an AlgorithmIdentifier. Raises ``NoAnswerError``.
    """
    kind, hash_name, salt = _read(algorithm)
    digest = hashlib.new(hash_name)
    for start in range(0, len(signed), _CHUNK):
        digest.update(signed[start : start + _CHUNK])
    function = _HASHES[hash_name]
    prehashed = Prehashed(function)
    try:
        key = _load_key(spki)
        if isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(signature, digest.digest(), ec.ECDSA(prehashed))
        elif isinstance(key, rsa.RSAPublicKey) and kind != "ecdsa":
            if key.key_size < _RSA_BITS:
                raise NoAnswerError(
                    Reason.SIGNATURE_ALGORITHM, "the key that signed is too short."
                )
            scheme = (
                padding.PKCS1v15()
                if kind == "pkcs1"
                else padding.PSS(padding.MGF1(function), salt)
            )
            key.verify(signature, digest.digest(), scheme, prehashed)
        else:
            raise InvalidSignature
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise NoAnswerError(
            Reason.SIGNATURE, "the signature is not the one of who should have signed."
        ) from error


@functools.lru_cache(maxsize=64)
def _load_key(spki: bytes) -> object:
    return load_der_public_key(spki)


def _read(algorithm: bytes) -> tuple[str, str, int]:
    """Return the kind of signature, its hash, and the salt's length in octets."""
    try:
        if len(algorithm) > _MOST_OCTETS:
            raise ValueError("an algorithm that long")
        _, *parameters = der.children(der.only(algorithm))
        parsed = algos.SignedDigestAlgorithm.load(algorithm, strict=True)
        name = parsed["algorithm"].native
        if name == "rsassa_pss":
            return ("pss", *_read_pss(parsed["parameters"]))
        kind = {"rsassa_pkcs1v15": "pkcs1", "ecdsa": "ecdsa"}[parsed.signature_algo]
        # FINEID's NULL parameters of ECDSA are accepted as absent ones.
        if [each.whole for each in parameters] not in ([], [b"\x05\x00"]):
            raise ValueError("parameters")
        hash_name = parsed.hash_algo
        if hash_name not in _HASHES:
            raise ValueError(hash_name)
    except (ValueError, TypeError, KeyError) as error:
        raise NoAnswerError(
            Reason.SIGNATURE_ALGORITHM,
            "it is signed with an algorithm that is not accepted (SHA-256, SHA-384 and "
            "SHA-512 with ECDSA or RSA are).",
        ) from error
    return kind, hash_name, 0


def _read_pss(parameters: algos.RSASSAPSSParams) -> tuple[str, int]:
    name = parameters["hash_algorithm"]["algorithm"].native
    mask = parameters["mask_gen_algorithm"]
    if (
        name not in _HASHES
        or mask["algorithm"].native != "mgf1"
        or mask["parameters"]["algorithm"].native != name
        or parameters["trailer_field"].native != "trailer_field_bc"
    ):
        raise ValueError("parameters of PSS")
    salt = parameters["salt_length"].native
    if not 0 <= salt <= 64:
        raise ValueError("length of the salt")
    return name, salt
