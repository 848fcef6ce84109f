# SPDX-License-Identifier: MIT
"""The report on a signed file."""

import base64
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

from kortilla.signing.verification.codes import CODES, Verdict, worst
from kortilla.signing.verification.findings import Change, Covers, Kind

__all__ = [
    "CertificateFacts",
    "DocumentReport",
    "Problem",
    "SignatureReport",
    "Signer",
    "TimestampReport",
]


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
    """Whom the certificate names. A text is empty if the certificate lacks it."""

    name: str
    surname: str
    given_names: str
    satu: str


@dataclass(frozen=True)
class CertificateFacts:
    """The signer's certificate. ``serial_number`` and ``sha256`` are hexadecimal."""

    serial_number: str
    issuer: str
    not_before: datetime
    not_after: datetime
    sha256: str
    der: bytes = field(repr=False)


@dataclass(frozen=True)
class TimestampReport:
    """A timestamp. ``trusted`` says whether its authority is one of those given."""

    time: datetime | None
    authority: str
    intact: bool
    trusted: bool
    place: str = ""


@dataclass(frozen=True)
class SignatureReport:
    """One signature. ``place`` is the field in a PDF, or the file in a container.

    ``intact`` says whether it fits its key and the bytes that it covers; None is
    unknown. ``issuer`` is ``authority`` for the pinned CAs and ``test`` for any other
    of the CAs given. ``time`` is the timestamp's if its authority is trusted, or the
    one that the signer claims. ``files`` are those of a container that it covers.
    ``changes`` were made to a PDF afterwards. ``reason`` and ``location`` are what the
    signature states.
    """

    number: int
    place: str
    intact: bool | None
    signer: Signer | None
    certificate: CertificateFacts | None
    issuer: Literal["authority", "test", "unknown"]
    time: datetime | None
    time_source: Literal["timestamp", "claimed", "none"]
    timestamp: TimestampReport | None
    covers: Covers
    files: tuple[str, ...]
    changes: tuple[Change, ...]
    revocation: Literal["not-asked", "good", "revoked", "no-answer"]
    level: Literal["B-B", "B-T", "B-LT", "B-LTA", "none"]
    reason: str
    location: str
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        """``VALID`` only if it is intact and a given CA issued the certificate."""
        verdict = worst([each.verdict for each in self.problems])
        if verdict is Verdict.VALID and not (self.intact and self.issuer != "unknown"):
            return Verdict.CANT_SAY
        return verdict


@dataclass(frozen=True)
class DocumentReport:
    """The report on a file: its signatures in the order of signing.

    ``timestamps`` are those of a whole PDF, and the archive timestamps of a container's
    signatures. ``files`` are those in a container.
    """

    kind: Kind
    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()

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
    def exit_status(self) -> int:
        """0 for valid, 1 for not valid, 2 for can't say."""
        return {Verdict.VALID: 0, Verdict.NOT_VALID: 1}.get(self.verdict, 2)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON: names in camelCase, times of ISO 8601."""
        report: dict[str, Any] = _json(self)
        return report


def _json(value: Any) -> Any:
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
