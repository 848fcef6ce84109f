# SPDX-License-Identifier: MIT
"""The verdicts on a signed file, and the codes of what was found."""

from enum import StrEnum

__all__ = ["CODES", "Verdict", "worst"]


class Verdict(StrEnum):
    """What is said of a signature or a file.

    ``VALID`` is said only if everything needed for it was checked.
    """

    VALID = "valid"
    NOT_VALID = "not-valid"
    CANT_SAY = "cant-say"


def worst(verdicts: "list[Verdict]") -> Verdict:
    """Return the verdict on a whole whose parts have these verdicts."""
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
    "TEST_CARD_NOT_TRUSTED": "The certificate is a test card's, and shows nothing.",
    "CERTIFICATE_EXPIRED": (
        "The certificate has expired, and nothing proves that it was signed before."
    ),
    "CERTIFICATE_UNREADABLE": "The signer's certificate can't be read or is missing.",
    "REVOCATION_UNKNOWN": "Nobody answered whether the certificate was revoked.",
    "FORM_CHANGED": "A form in the file was filled in after it was signed.",
    "MARK_ADDED": (
        "After it was signed, the file got a mark by somebody who is not known."
    ),
    "ANNOTATED": "Notes were added to the file after it was signed.",
    "ENCRYPTED": "The file is encrypted and can't be read.",
    "BROKEN": "The file is broken and can't be read.",
    "IRREGULAR": "The file is written so that programs may read it differently.",
    "TOO_LARGE": "The file is too large to be checked.",
    "TOO_SLOW": "The file takes too long to be checked.",
    "TOO_MUCH_MEMORY": "The file takes too much memory to be checked.",
    "NOT_A_SIGNED_FORMAT": "The file is of no kind of signed file that is known here.",
    "NO_CONTENT": "The signature is of another file, which is needed to check it.",
    "UNSUPPORTED": "The signature is of a kind that can't be checked here.",
    "WEAK_ALGORITHM": "The signature was made in a way that is no longer safe.",
    "UNSAFE_NAME": "A file in the container has a name that is not safe.",
    "DUPLICATE_NAME": "Two files in the container have one name.",
    "DUPLICATE_ID": "Two parts of the signature have one identifier.",
    "FORBIDDEN_XML": "The signature has parts that could load or multiply data.",
    "TIMESTAMP_BROKEN": "The timestamp does not belong to the signature.",
}
_NOTES = {
    "TEST_CARD": "A test card signed. It is no signature of a real person.",
    "REVOCATION_NOT_ASKED": "Whether the certificate was revoked was not asked.",
    "CLAIMED_TIME": "The time is what the signer's computer stated.",
    "TIMESTAMP_AUTHORITY_UNKNOWN": "Who made the timestamp is not known here.",
    "XFA_FORM": "The file has an XFA form, which many programs do not show.",
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
