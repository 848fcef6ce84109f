# SPDX-License-Identifier: MIT
"""The terms of ETSI EN 319 102-1 for what this library finds.

A verdict has one indication. Each code that costs the verdict ``VALID`` has the nearest
of the sub-indications that the standard allows beside that indication (tables 5 and 6).
It has fewer than we have codes: the code says exactly what was found.
"""

from enum import StrEnum

from kortilla.signing.verification.codes import CODES, NOT_YET_VALID, Verdict


class Indication(StrEnum):
    """The main indication of a signature (EN 319 102-1 §5.1.3)."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


#: The sub-indications that are used here, by the indication that they stand beside.
SUB_INDICATIONS = {
    Indication.TOTAL_PASSED: set[str](),
    Indication.TOTAL_FAILED: {
        "FORMAT_FAILURE",
        "HASH_FAILURE",
        "SIG_CRYPTO_FAILURE",
        "REVOKED",
        "EXPIRED",
        "NOT_YET_VALID",
    },
    Indication.INDETERMINATE: {
        "SIG_CONSTRAINTS_FAILURE",
        "CHAIN_CONSTRAINTS_FAILURE",
        "CRYPTO_CONSTRAINTS_FAILURE",
        "NO_SIGNING_CERTIFICATE_FOUND",
        "NO_CERTIFICATE_CHAIN_FOUND",
        "OUT_OF_BOUNDS_NO_POE",
        "NO_POE",
        "TRY_LATER",
        "SIGNED_DATA_NOT_FOUND",
    },
}

#: The sub-indication of each code of ``CODES`` that is no note; a new one needs a line.
_OF_CODES = {
    # Not valid.
    "NOT_SIGNED": "FORMAT_FAILURE",
    "SIGNATURE_BROKEN": "SIG_CRYPTO_FAILURE",
    "DIGEST_MISMATCH": "HASH_FAILURE",
    "PART_NOT_SIGNED": "FORMAT_FAILURE",
    "CHANGED_AFTER_SIGNING": "FORMAT_FAILURE",
    "FILE_MISSING": "HASH_FAILURE",
    "FILE_NOT_SIGNED": "FORMAT_FAILURE",
    "CERTIFICATE_SWAPPED": "SIG_CRYPTO_FAILURE",
    "ISSUER_FORGED": "SIG_CRYPTO_FAILURE",
    "CERTIFICATE_REVOKED": "REVOKED",
    "CERTIFICATE_OUTSIDE_VALIDITY": "EXPIRED",
    "WRONG_PURPOSE": "FORMAT_FAILURE",
    # Can't say.
    "NO_TRUST": "NO_CERTIFICATE_CHAIN_FOUND",
    "OTHER_POLICY": "CHAIN_CONSTRAINTS_FAILURE",
    "TIME_IN_FUTURE": "SIG_CONSTRAINTS_FAILURE",
    "UNKNOWN_ISSUER": "NO_CERTIFICATE_CHAIN_FOUND",
    "TEST_CARD_NOT_TRUSTED": "NO_CERTIFICATE_CHAIN_FOUND",
    "NO_TRUST_LISTS": "NO_CERTIFICATE_CHAIN_FOUND",
    "TRUST_LIST_OUTDATED": "TRY_LATER",
    "AUTHORITY_NOT_GRANTED": "NO_CERTIFICATE_CHAIN_FOUND",
    "AUTHORITY_WITHDRAWN": "NO_POE",
    "NOT_QUALIFIED": "CHAIN_CONSTRAINTS_FAILURE",
    "CERTIFICATE_EXPIRED": "OUT_OF_BOUNDS_NO_POE",
    "CERTIFICATE_UNREADABLE": "NO_SIGNING_CERTIFICATE_FOUND",
    "REVOCATION_NOT_ASKED": "TRY_LATER",
    "REVOCATION_UNKNOWN": "TRY_LATER",
    "ENCRYPTED": "SIGNED_DATA_NOT_FOUND",
    "BROKEN": "SIGNED_DATA_NOT_FOUND",
    "IRREGULAR": "SIG_CONSTRAINTS_FAILURE",
    "ACTIVE_CONTENT": "SIG_CONSTRAINTS_FAILURE",
    "XFA_FORM": "SIG_CONSTRAINTS_FAILURE",
    "SHOWN_DIFFERENTLY": "SIG_CONSTRAINTS_FAILURE",
    "OTHER_NAME": "SIG_CONSTRAINTS_FAILURE",
    "ARCHIVE_INSIDE": "SIG_CONSTRAINTS_FAILURE",
    "TOO_LARGE": "SIGNED_DATA_NOT_FOUND",
    "TOO_SLOW": "SIGNED_DATA_NOT_FOUND",
    "TOO_MUCH_MEMORY": "SIGNED_DATA_NOT_FOUND",
    "NOT_A_SIGNED_FORMAT": "SIGNED_DATA_NOT_FOUND",
    "NO_CONTENT": "SIGNED_DATA_NOT_FOUND",
    "UNSUPPORTED": "SIG_CONSTRAINTS_FAILURE",
    "ALGORITHMS_DIFFER": "SIG_CONSTRAINTS_FAILURE",
    "WEAK_ALGORITHM": "CRYPTO_CONSTRAINTS_FAILURE",
    "UNSAFE_NAME": "SIG_CONSTRAINTS_FAILURE",
    "UNKNOWN_FILE": "SIG_CONSTRAINTS_FAILURE",
    "DUPLICATE_NAME": "SIG_CONSTRAINTS_FAILURE",
    "DUPLICATE_ID": "SIG_CONSTRAINTS_FAILURE",
    "FORBIDDEN_XML": "SIG_CONSTRAINTS_FAILURE",
}

_INDICATIONS = {
    Verdict.VALID: Indication.TOTAL_PASSED,
    Verdict.NOT_VALID: Indication.TOTAL_FAILED,
    Verdict.CANT_SAY: Indication.INDETERMINATE,
}


def indication(verdict: Verdict) -> Indication:
    """Return the indication of a verdict."""
    return _INDICATIONS[verdict]


def sub_indication(code: str, detail: str = "") -> str | None:
    """Return the sub-indication of a code of ``CODES``, or None for a note."""
    if CODES[code][0] is Verdict.VALID:
        return None
    if (code, detail) == ("CERTIFICATE_OUTSIDE_VALIDITY", NOT_YET_VALID):
        return "NOT_YET_VALID"
    return _OF_CODES[code]
