# SPDX-License-Identifier: MIT
"""The names of the faults that a token can have on purpose."""

from enum import StrEnum

__all__ = ["TokenFault"]


class TokenFault(StrEnum):
    """One fault of a token; ``BROKEN_TOKENS`` has the error that it must raise."""

    WRONG_ORIGIN = "wrong-origin"
    WRONG_NONCE = "wrong-nonce"
    WRONG_SIGNATURE = "wrong-signature"
    WRONG_KEY = "wrong-key"
    WRONG_ALGORITHM = "wrong-algorithm"
    TRUNCATED_SIGNATURE = "truncated-signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    UNTRUSTED_ISSUER = "untrusted-issuer"
    SIGNING_CERTIFICATE = "signing-certificate"
    CA_CERTIFICATE = "ca-certificate"
    NO_KEY_USAGE = "no-key-usage"
    DISALLOWED_POLICY = "disallowed-policy"
    WEAK_KEY = "weak-key"
    TRUNCATED_CERTIFICATE = "truncated-certificate"
    UNKNOWN_FORMAT = "unknown-format"
    MISSING_SIGNATURE = "missing-signature"
    NOT_BASE64 = "not-base64"
    OVERSIZED = "oversized"
