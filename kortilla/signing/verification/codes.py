# SPDX-License-Identifier: MIT
"""Verdicts, and the codes of what is found in signed files."""

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


_NOT_VALID = {
    "NOT_SIGNED": "The file has no signature of a person.",
    "SIGNATURE_BROKEN": "The signature is not the certificate's key's.",
    "DIGEST_MISMATCH": "The file is not the one that was signed.",
    "PART_NOT_SIGNED": "The signature covers only a part of the file.",
    "CHANGED_AFTER_SIGNING": "The file was changed after it was signed.",
    "FILE_MISSING": "A signed file is missing from the container.",
    "FILE_NOT_SIGNED": "The container has a file that the signature does not cover.",
    "CERTIFICATE_SWAPPED": "The certificate is not the one that was signed with.",
    "ISSUER_FORGED": "The certificate names an issuer that did not issue it.",
    "CERTIFICATE_REVOKED": "The signer's certificate has been revoked.",
    "CERTIFICATE_OUTSIDE_VALIDITY": (
        "The certificate was not valid at the time of signing."
    ),
    "WRONG_PURPOSE": "The certificate is not one for signatures.",
}
_CANT_SAY = {
    "NO_TRUST": "The authority's CA certificates are not there to compare with.",
    "OTHER_POLICY": "The certificate is no Citizen Certificate.",
    "TIME_IN_FUTURE": "The time of signing has not come yet.",
    "UNKNOWN_ISSUER": "The certificate was issued by an authority that is not known.",
    "NO_TRUST_LISTS": "The EU's trusted lists are not there to compare with.",
    "TRUST_LIST_OUTDATED": "A trusted list that is needed is too old or missing.",
    "AUTHORITY_NOT_GRANTED": (
        "The authority was not on a trusted list of the EU when the file was signed."
    ),
    "AUTHORITY_WITHDRAWN": (
        "The authority is on no trusted list any more, and nothing proves that the "
        "file was signed before."
    ),
    "NOT_QUALIFIED": (
        "The certificate is not a qualified one, so no trusted list vouches for it."
    ),
    "TEST_CARD_NOT_TRUSTED": "The certificate is a test card's, and shows nothing.",
    "CERTIFICATE_EXPIRED": (
        "The certificate has expired, and nothing proves that it was signed before."
    ),
    "CERTIFICATE_UNREADABLE": "The signer's certificate can't be read or is missing.",
    "REVOCATION_NOT_ASKED": "It was not checked whether the certificate is revoked.",
    "REVOCATION_UNKNOWN": "It could not be checked whether the certificate is revoked.",
    "ENCRYPTED": "The file is encrypted and can't be read.",
    "BROKEN": "The file is broken and can't be read.",
    "IRREGULAR": "The file is written so that programs may read it differently.",
    "ACTIVE_CONTENT": "The file has commands that can change what it shows.",
    "XFA_FORM": "The file has an XFA form, which many programs do not show.",
    "SHOWN_DIFFERENTLY": "The file may look different on paper or in other programs.",
    "OTHER_NAME": "The file is of another kind than its name says.",
    "ARCHIVE_INSIDE": "The file has another one in it that a program may open instead.",
    "TOO_LARGE": "The file is too large to be checked.",
    "TOO_SLOW": "The file takes too long to be checked.",
    "TOO_MUCH_MEMORY": "The file takes too much memory to be checked.",
    "NOT_A_SIGNED_FORMAT": "The file has no signature that is recognised.",
    "NO_CONTENT": "The signature is of another file, which is needed to check it.",
    "UNSUPPORTED": "The signature is of a kind that can't be checked here.",
    "ALGORITHMS_DIFFER": (
        "The signature states two ways in which it was made, and they contradict each "
        "other."
    ),
    "WEAK_ALGORITHM": "The signature was made in a way that is no longer safe.",
    "UNSAFE_NAME": "A file in the container has a name that is not safe.",
    "UNKNOWN_FILE": "The container has a file in META-INF that is no signature's.",
    "DUPLICATE_NAME": "Two files in the container have the same name.",
    "DUPLICATE_ID": "Two parts of the signature have the same identifier.",
    "FORBIDDEN_XML": "The signature has parts that could load or multiply data.",
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
    for verdict, messages in (
        (Verdict.NOT_VALID, _NOT_VALID),
        (Verdict.CANT_SAY, _CANT_SAY),
        (Verdict.VALID, _NOTES),
    )
    for code, message in messages.items()
}

#: The detail of ``CERTIFICATE_OUTSIDE_VALIDITY`` for a time before the validity.
NOT_YET_VALID = "not yet valid"
