# SPDX-License-Identifier: MIT
"""Verdicts, the codes of what is found in signed files, and ETSI's terms for them.

ETSI EN 319 102-1 has indications and sub-indications: fewer than we have codes.
"""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a signature or a file.

    ``VALID`` is said only if everything needed for it was checked.
    """

    VALID = "valid"
    NOT_VALID = "not-valid"
    CANT_SAY = "cant-say"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a whole whose parts have these verdicts."""
    verdicts = set(verdicts)
    for verdict in (Verdict.NOT_VALID, Verdict.CANT_SAY):
        if verdict in verdicts:
            return verdict
    return Verdict.VALID


class Indication(StrEnum):
    """The main indication of a signature (EN 319 102-1 §5.1.3)."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


# A code stands below the nearest sub-indication that the standard allows beside the
# indication of its verdict (tables 5 and 6). The code says exactly what was found.
_NOT_VALID = {
    "FORMAT_FAILURE": {
        "NOT_SIGNED": "The file has no signature of a person.",
        "PART_NOT_SIGNED": "The signature covers only a part of the file.",
        "CHANGED_AFTER_SIGNING": "The file was changed after it was signed.",
        "FILE_NOT_SIGNED": (
            "The container has a file that the signature does not cover."
        ),
        "WRONG_PURPOSE": "The certificate is not one for signatures.",
    },
    "SIG_CRYPTO_FAILURE": {
        "SIGNATURE_BROKEN": "The signature is not the certificate's key's.",
        "CERTIFICATE_SWAPPED": "The certificate is not the one that was signed with.",
        "ISSUER_FORGED": "The certificate names an issuer that did not issue it.",
    },
    "HASH_FAILURE": {
        "DIGEST_MISMATCH": "The file is not the one that was signed.",
        "FILE_MISSING": "A signed file is missing from the container.",
    },
    "REVOKED": {
        "CERTIFICATE_REVOKED": "The signer's certificate has been revoked.",
    },
    "EXPIRED": {
        "CERTIFICATE_OUTSIDE_VALIDITY": (
            "The certificate was not valid at the time of signing."
        ),
    },
}
_CANT_SAY = {
    "NO_CERTIFICATE_CHAIN_FOUND": {
        "NO_TRUST": "The authority's CA certificates are not there to compare with.",
        "UNKNOWN_ISSUER": (
            "The certificate was issued by an authority that is not known."
        ),
        "NO_TRUST_LISTS": "The EU's trusted lists are not there to compare with.",
        "AUTHORITY_NOT_GRANTED": (
            "The authority was not on a trusted list of the EU when the file was "
            "signed."
        ),
        "TEST_CARD_NOT_TRUSTED": "The certificate is a test card's, and shows nothing.",
    },
    "CHAIN_CONSTRAINTS_FAILURE": {
        "OTHER_POLICY": "The certificate is no Citizen Certificate.",
        "NOT_QUALIFIED": (
            "The certificate is not a qualified one, so no trusted list vouches for it."
        ),
    },
    "SIG_CONSTRAINTS_FAILURE": {
        "TIME_IN_FUTURE": "The time of signing has not come yet.",
        "IRREGULAR": "The file is written so that programs may read it differently.",
        "ACTIVE_CONTENT": "The file has commands that can change what it shows.",
        "XFA_FORM": "The file has an XFA form, which many programs do not show.",
        "SHOWN_DIFFERENTLY": (
            "The file may look different on paper or in other programs."
        ),
        "OTHER_NAME": "The file is of another kind than its name says.",
        "ARCHIVE_INSIDE": (
            "The file has another one in it that a program may open instead."
        ),
        "UNSUPPORTED": "The signature is of a kind that can't be checked here.",
        "ALGORITHMS_DIFFER": (
            "The signature states two ways in which it was made, and they contradict "
            "each other."
        ),
        "UNSAFE_NAME": "A file in the container has a name that is not safe.",
        "UNKNOWN_FILE": "The container has a file in META-INF that is no signature's.",
        "DUPLICATE_NAME": "Two files in the container have the same name.",
        "DUPLICATE_ID": "Two parts of the signature have the same identifier.",
        "FORBIDDEN_XML": "The signature has parts that could load or multiply data.",
    },
    "TRY_LATER": {
        "TRUST_LIST_OUTDATED": "A trusted list that is needed is too old or missing.",
        "REVOCATION_NOT_ASKED": (
            "It was not checked whether the certificate is revoked."
        ),
        "REVOCATION_UNKNOWN": (
            "It could not be checked whether the certificate is revoked."
        ),
    },
    "NO_POE": {
        "AUTHORITY_WITHDRAWN": (
            "The authority is on no trusted list any more, and nothing proves that "
            "the file was signed before."
        ),
    },
    "OUT_OF_BOUNDS_NO_POE": {
        "CERTIFICATE_EXPIRED": (
            "The certificate has expired, and nothing proves that it was signed before."
        ),
    },
    "NO_SIGNING_CERTIFICATE_FOUND": {
        "CERTIFICATE_UNREADABLE": (
            "The signer's certificate can't be read or is missing."
        ),
    },
    "SIGNED_DATA_NOT_FOUND": {
        "ENCRYPTED": "The file is encrypted and can't be read.",
        "BROKEN": "The file is broken and can't be read.",
        "TOO_LARGE": "The file is too large to be checked.",
        "TOO_SLOW": "The file takes too long to be checked.",
        "TOO_MUCH_MEMORY": "The file takes too much memory to be checked.",
        "NOT_A_SIGNED_FORMAT": "The file has no signature that is recognised.",
        "NO_CONTENT": "The signature is of another file, which is needed to check it.",
    },
    "CRYPTO_CONSTRAINTS_FAILURE": {
        "WEAK_ALGORITHM": "The signature was made in a way that is no longer safe.",
    },
}
_NOTES = {
    "TEST_CARD": "A test card signed. It is no signature of a real person.",
    "CLAIMED_TIME": "The time is what the signer's computer stated.",
    "TIMESTAMP_AUTHORITY_UNKNOWN": "The issuer of the timestamp is unknown.",
    "TIMESTAMP_BROKEN": (
        "A timestamp is broken or of something else, so it proves no time."
    ),
    "TIMESTAMP_EXPIRED": "The certificate of the timestamp's authority has expired.",
    "TIMESTAMP_REVOKED": "The certificate of the timestamp's authority was revoked.",
    "TIMESTAMP_UNCHECKED": (
        "Nobody has said whether the timestamp's authority was revoked."
    ),
    "REVOKED_SINCE": "The certificate was revoked after the time of signing.",
    "MARK_ADDED": "A later signature added its visible mark to a page.",
}

#: The verdict that each code leads to, and a sentence about it. ``VALID`` is a note.
CODES: dict[str, tuple[Verdict, str]] = {
    code: (verdict, message)
    for verdict, parts in (
        (Verdict.NOT_VALID, _NOT_VALID),
        (Verdict.CANT_SAY, _CANT_SAY),
        (Verdict.VALID, {"": _NOTES}),
    )
    for messages in parts.values()
    for code, message in messages.items()
}
_SUB_INDICATIONS = {
    code: name
    for name, messages in (*_NOT_VALID.items(), *_CANT_SAY.items())
    for code in messages
}

#: The detail of ``CERTIFICATE_OUTSIDE_VALIDITY`` for a time before the validity.
NOT_YET_VALID = "not yet valid"


def indication(verdict: Verdict) -> Indication:
    """Return the indication of a verdict."""
    return {
        Verdict.VALID: Indication.TOTAL_PASSED,
        Verdict.NOT_VALID: Indication.TOTAL_FAILED,
        Verdict.CANT_SAY: Indication.INDETERMINATE,
    }[verdict]


def sub_indication(code: str, detail: str = "") -> str | None:
    """Return the sub-indication of a code of ``CODES``, or None for a note."""
    if (code, detail) == ("CERTIFICATE_OUTSIDE_VALIDITY", NOT_YET_VALID):
        return "NOT_YET_VALID"
    return _SUB_INDICATIONS.get(code)
