# SPDX-License-Identifier: MIT
"""Results and errors of Web eID's protocol, where they differ from ours."""

from native_host.errors import KortillaError
from native_host.operations.sign import Signatures
from native_host.results import Reply, algorithm_fields, encode_base64


def web_eid_signature_fields(made: Signatures) -> Reply:
    """Return the reply to Web eID's ``sign``, which is about one hash."""
    [signature] = made.signatures
    return {
        "signature": encode_base64(signature.value),
        "signatureAlgorithm": algorithm_fields(signature.algorithm),
    }


def web_eid_error(error: KortillaError) -> Reply:
    """Return an error in Web eID's protocol: cancelled, or fatal."""
    cancelled = error.code in {"USER_CANCELLED", "REQUEST_CANCELLED"}
    code = "ERR_WEBEID_USER_CANCELLED" if cancelled else "ERR_WEBEID_NATIVE_FATAL"
    return {"error": {"code": code, "message": str(error)}}
