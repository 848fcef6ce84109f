# SPDX-License-Identifier: MIT
"""The report on a signed file: verdicts, codes of problems, and what was found."""

import base64
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from kortilla.common import JsonObject
from kortilla.signing.trust_lists.qualified import Qualification
from kortilla.signing.verification.findings import Change, Covers, Kind


class Verdict(StrEnum):
    """What is said of a signature or a file.

    ``VALID`` is said only if everything needed for it was checked.
    """

    VALID = "valid"
    NOT_VALID = "not-valid"
    CANT_SAY = "cant-say"


#: The level of the ETSI baseline profiles whose data verify.
Level = Literal["B-B", "B-T", "B-LT", "B-LTA", "none"]


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


#: They say only that the answer on revocation is missing.
_OPEN = {"REVOCATION_NOT_ASKED", "REVOCATION_UNKNOWN"}


@dataclass(frozen=True)
class Problem:
    """A code of ``CODES``, what it means for the verdict, and a sentence about it.

    A problem with the verdict ``VALID`` is a note. ``detail`` is technical.
    """

    code: str
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """The best verdict that is possible beside it."""
        return CODES[self.code][0]

    @property
    def message(self) -> str:
        """A sentence in English, without names of persons."""
        return CODES[self.code][1]


@dataclass(frozen=True)
class Signer:
    """Whom the certificate names. A text is empty if the certificate lacks it.

    Somebody of another country has an ``identifier`` in place of a SATU, such as
    ``PNOEE-…``.
    """

    name: str
    surname: str
    given_names: str
    satu: str
    identifier: str = ""


@dataclass(frozen=True)
class ListedAuthority:
    """An authority of the EU's trusted lists, which issued a signer's certificate.

    ``country`` has the two letters of its list (``EL`` is Greece), ``name`` is who
    provides the ``service``. ``qualification`` is what its certificate makes of the
    signature: an advanced one has a qualified certificate, and no qualified device.
    """

    country: str
    name: str
    service: str
    qualification: Qualification


@dataclass(frozen=True)
class CertificateFacts:
    """The signer's certificate. ``serial_number`` and ``sha256`` are hexadecimal.

    ``issuer`` and ``issuer_country``, two letters, are as the certificate states them.
    They are empty if it does not, or not in a form that can be shown.
    """

    serial_number: str
    issuer: str
    issuer_country: str
    not_before: datetime
    not_after: datetime
    sha256: str
    der: bytes = field(repr=False)


@dataclass(frozen=True)
class TimestampReport:
    """A timestamp. ``trusted`` says whether it proves its time.

    For that, one of the authorities given must have made it, whose certificate had not
    expired and was shown not to be revoked: now, or when the next timestamp was made.
    ``problems`` say why it is not trusted.
    """

    time: datetime | None
    authority: str
    intact: bool
    trusted: bool
    place: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class SignatureReport:
    """One signature. ``place`` is the field in a PDF, or the file in a container.

    ``intact`` says whether it fits its key and the bytes that it covers; None is
    unknown. ``issuer`` is ``authority`` for the pinned CAs, ``test`` for any other of
    the CAs given, and ``eu`` for one that is ``listed`` in the EU's trusted lists.
    ``time`` is the timestamp's if that proves it, or the one that the signer claims.
    ``revocation_source`` is who answered: the network now, or the file for the proven
    time. ``files`` are those of a container that it covers. ``changes`` were made to a
    PDF afterwards. ``reason`` and ``location`` are what the signature states.
    ``revision_length`` is the number of bytes that a PDF had when it was signed
    (``signed_revision``).
    """

    number: int
    place: str
    intact: bool | None
    signer: Signer | None
    certificate: CertificateFacts | None
    issuer: Literal["authority", "test", "eu", "unknown"]
    time: datetime | None
    time_source: Literal["timestamp", "claimed", "none"]
    timestamp: TimestampReport | None
    covers: Covers
    files: tuple[str, ...]
    changes: tuple[Change, ...]
    revocation: Literal["not-asked", "good", "revoked", "no-answer"]
    level: Level
    reason: str
    location: str
    problems: tuple[Problem, ...]
    revocation_source: Literal["none", "network", "file"] = "none"
    listed: ListedAuthority | None = None
    revision_length: int | None = None

    @property
    def verdict(self) -> Verdict:
        """``VALID`` only if it is intact and a given CA issued the certificate."""
        verdict = worst([each.verdict for each in self.problems])
        if verdict is Verdict.VALID and not (self.intact and self.issuer != "unknown"):
            return Verdict.CANT_SAY
        return verdict

    @property
    def lacks_revocation(self) -> bool:
        """Whether nothing but an answer on revocation is missing for ``VALID``."""
        others = tuple(each for each in self.problems if each.code not in _OPEN)
        return (
            self.verdict is Verdict.CANT_SAY
            and replace(self, problems=others).verdict is Verdict.VALID
        )


@dataclass(frozen=True)
class DocumentReport:
    """The report on a file: its signatures in the order of signing.

    ``timestamps`` are those of a whole PDF, and the archive timestamps of a container's
    signatures. ``files`` are those in a container. ``sha256`` is the hexadecimal digest
    of the signed file as it was verified, and ``signature_sha256`` that of a detached
    signature. They are empty for what was not there or too long to be read.
    """

    kind: Kind
    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    sha256: str = ""
    signature_sha256: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the file and its signatures; it has at least one."""
        verdict = worst(
            [each.verdict for each in self.problems]
            + [each.verdict for each in self.signatures]
        )
        if verdict is Verdict.VALID and not self.signatures:
            return Verdict.NOT_VALID
        return verdict

    @property
    def lacks_revocation(self) -> bool:
        """Whether nothing but answers on revocation is missing for ``VALID``."""
        doubted = [each for each in self.signatures if each.verdict != Verdict.VALID]
        return (
            bool(doubted)
            and all(each.lacks_revocation for each in doubted)
            and worst([each.verdict for each in self.problems]) is Verdict.VALID
        )

    def to_json(self) -> JsonObject:
        """Return the report as JSON: names in camelCase, times of ISO 8601."""
        report: JsonObject = _json(self)
        return report


def _json(value: object) -> Any:
    if is_dataclass(value):
        names = [each.name for each in fields(value)]
        names += [
            name
            for name in ("verdict", "message")
            if isinstance(getattr(type(value), name, None), property)
        ]
        return {_camel_case(name): _json(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
