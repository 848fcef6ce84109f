# SPDX-License-Identifier: MIT
"""The results and errors of operations as JSON.

PROTOCOL.md has the fields: browsers, scripts and testers receive the same ones.
"""

import base64

from kortilla.common import JsonObject
from native_host import VERSION
from native_host.card.signature import SignatureAlgorithm
from native_host.errors import KortillaError
from native_host.operations.authenticate import AuthenticationToken
from native_host.operations.sign import Signature, Signatures, SigningInterruptedError
from native_host.operations.signing_certificate import SigningCertificate

Reply = JsonObject

#: Web eID requires a URL. This is a URN, since Kortilla has no permanent page.
_APP_VERSION = f"urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-{VERSION}"


def token_fields(token: AuthenticationToken) -> Reply:
    """Return a token in the format web-eid:1.0."""
    return {
        "unverifiedCertificate": encode_base64(token.certificate.der),
        "algorithm": token.algorithm,
        "signature": encode_base64(token.signature),
        "format": "web-eid:1.0",
        "appVersion": _APP_VERSION,
    }


def algorithm_fields(algorithm: SignatureAlgorithm) -> Reply:
    """Return Web eID's three names of a signature's algorithm."""
    return {
        "cryptoAlgorithm": algorithm.key_type.value,
        "hashFunction": algorithm.hash_function,
        "paddingScheme": algorithm.padding.value,
    }


def certificate_fields(found: SigningCertificate) -> Reply:
    """Return the result of ``get-signing-certificate``, ours and Web eID's."""
    return {
        "certificate": encode_base64(found.certificate.der),
        "supportedSignatureAlgorithms": [
            algorithm_fields(algorithm) for algorithm in found.algorithms
        ],
    }


def signature_fields(signature: Signature) -> Reply:
    """Return one signature of our ``sign``."""
    return {
        "name": signature.name,
        "hash": encode_base64(signature.digest),
        "hashFunction": signature.algorithm.hash_function,
        "signature": encode_base64(signature.value),
        "signatureAlgorithm": algorithm_fields(signature.algorithm),
    }


def signatures_fields(made: Signatures) -> Reply:
    """Return the result of our ``sign``."""
    return {
        "certificate": encode_base64(made.certificate.der),
        "signatures": [signature_fields(each) for each in made.signatures],
    }


def error_fields(error: KortillaError) -> Reply:
    """Return an error as in our own protocol and on the command line."""
    fields: Reply = {"code": error.code, "message": str(error)}
    if error.reason is not None:
        fields["reason"] = error.reason
    if isinstance(error, SigningInterruptedError):
        fields |= {**signatures_fields(error.done), "total": error.total}
    return fields


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
