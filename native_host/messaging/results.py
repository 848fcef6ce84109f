# SPDX-License-Identifier: MIT
"""What operations return and raise, as the fields of PROTOCOL.md."""

import base64
from typing import Any

from native_host.card.signature import SignatureAlgorithm
from native_host.errors import KortillaError
from native_host.operations.sign import Signature, Signatures, SigningInterruptedError
from native_host.operations.signing_certificate import SigningCertificate

__all__ = [
    "Reply",
    "algorithm_fields",
    "certificate_fields",
    "error_fields",
    "signature_fields",
    "signatures_fields",
    "web_eid_error",
    "web_eid_signature_fields",
]

Reply = dict[str, Any]


def algorithm_fields(algorithm: SignatureAlgorithm) -> Reply:
    """Return Web eID's three words for how something is signed."""
    return {
        "cryptoAlgorithm": algorithm.key_type.value,
        "hashFunction": algorithm.hash_function,
        "paddingScheme": algorithm.padding.value,
    }


def certificate_fields(found: SigningCertificate) -> Reply:
    """Return the result of ``get-signing-certificate``, ours and Web eID's."""
    return {
        "certificate": _base64(found.certificate.der),
        "supportedSignatureAlgorithms": [
            algorithm_fields(algorithm) for algorithm in found.algorithms
        ],
    }


def signature_fields(signature: Signature) -> Reply:
    """Return one signature of our ``sign``."""
    return {
        "name": signature.name,
        "hash": _base64(signature.digest),
        "hashFunction": signature.algorithm.hash_function,
        "signature": _base64(signature.value),
        "signatureAlgorithm": algorithm_fields(signature.algorithm),
    }


def signatures_fields(made: Signatures) -> Reply:
    """Return the result of our ``sign``."""
    return {
        "certificate": _base64(made.certificate.der),
        "signatures": [signature_fields(each) for each in made.signatures],
    }


def web_eid_signature_fields(made: Signatures) -> Reply:
    """Return the reply to Web eID's ``sign``, which is about one hash."""
    [signature] = made.signatures
    return {
        "signature": _base64(signature.value),
        "signatureAlgorithm": algorithm_fields(signature.algorithm),
    }


def error_fields(error: KortillaError) -> Reply:
    """Return an error as our own protocol and the command line have it."""
    fields: Reply = {"code": error.code, "message": str(error)}
    if (reason := getattr(error, "reason", None)) is not None:
        fields["reason"] = reason
    if isinstance(error, SigningInterruptedError):
        fields |= {**signatures_fields(error.done), "total": error.total}
    return fields


def web_eid_error(error: KortillaError) -> Reply:
    """Return an error as Web eID's protocol has it: cancelled, or fatal."""
    cancelled = error.code in {"USER_CANCELLED", "REQUEST_CANCELLED"}
    code = "ERR_WEBEID_USER_CANCELLED" if cancelled else "ERR_WEBEID_NATIVE_FATAL"
    return {"error": {"code": code, "message": str(error)}}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
