# SPDX-License-Identifier: MIT
"""The report on a signed file: what was found, and what it means.

``to_json`` and Kortilla's reports write it alike. The terms are those of ETSI TS
119 102-2 and EN 319 102-1 where these have one.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasGenerator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    computed_field,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from kortilla.common import JsonObject
from kortilla.common.escaping import escape_name, printable
from kortilla.signing.trust_lists.qualified import Qualification
from kortilla.signing.verification.codes import (
    CODES,
    Indication,
    Verdict,
    indication,
    sub_indication,
    worst,
)
from kortilla.signing.verification.findings import Change, Covers, Kind

#: Names in JSON are in camelCase.
CONFIG = ConfigDict(
    alias_generator=AliasGenerator(serialization_alias=to_camel),
    arbitrary_types_allowed=True,
)
#: A text that may be a file's, without characters that garble a line.
Text = Annotated[str, AfterValidator(printable)]
#: The name of a file in a container, as it is; in JSON it can't hide or reorder text.
FileName = Annotated[str, PlainSerializer(escape_name)]
#: A digest. An empty one is null in JSON.
Digest = Annotated[
    str,
    PlainSerializer(lambda digest: digest or None, return_type=str | None),
    Field(description="SHA-256, in hexadecimal digits; null for what was not read."),
]

#: The level of the ETSI baseline profiles whose data verify.
Level = Literal["B-B", "B-T", "B-LT", "B-LTA", "none"]
#: They say only that the answer on revocation is missing.
_OPEN = {"REVOCATION_NOT_ASKED", "REVOCATION_UNKNOWN"}
#: What nothing names is a constraint of ours.
_OTHERWISE = {
    Verdict.CANT_SAY: "SIG_CONSTRAINTS_FAILURE",
    Verdict.NOT_VALID: "FORMAT_FAILURE",
}


@dataclass(frozen=True, config=CONFIG)
class Problem:
    """A code of ``CODES``, what it means for the verdict, and a sentence about it.

    A problem with the verdict ``VALID`` is a note. ``detail`` is technical.
    """

    code: Annotated[str, Field(description="A stable code; more may be added.")]
    detail: Text = Field(
        default="", description="Technical words, perhaps with texts of the file."
    )

    @computed_field(description="The best verdict that is possible with it.")  # type: ignore[prop-decorator] # of pydantic
    @property
    def verdict(self) -> Verdict:
        """The best verdict that is possible beside it."""
        return CODES[self.code][0]

    @computed_field(  # type: ignore[prop-decorator] # of pydantic
        description="The nearest sub-indication of EN 319 102-1, or null for a note."
    )
    @property
    def sub_indication(self) -> str | None:
        """The nearest sub-indication of EN 319 102-1, None for a note."""
        return sub_indication(self.code, self.detail)

    @computed_field(description="A sentence in English.")  # type: ignore[prop-decorator] # of pydantic
    @property
    def message(self) -> str:
        """A sentence in English, without names of persons."""
        return CODES[self.code][1]


Problems = Annotated[tuple[Problem, ...], Field(serialization_alias="reasons")]


@dataclass(frozen=True, config=CONFIG)
class Signer:
    """Whom the certificate names. A text is empty if the certificate lacks it.

    Somebody of another country has an ``identifier`` in place of a SATU, such as
    ``PNOEE-…``.
    """

    name: Text
    surname: Text
    given_names: Text
    satu: Annotated[Text, Field(description="The electronic client identifier.")]
    identifier: Text = Field(
        default="", description="In place of a SATU, that of another country."
    )


@dataclass(frozen=True, config=CONFIG)
class ListedAuthority:
    """An authority of the EU's trusted lists, which issued a signer's certificate.

    ``name`` is who provides the ``service``. ``qualification`` is what its certificate
    makes of the signature: an advanced one has a qualified certificate, and no
    qualified device.
    """

    country: Annotated[
        str, Field(description="The two letters of its list; EL is Greece.")
    ]
    name: str
    service: str
    qualification: Annotated[Qualification, Field(description="More may be added.")]


@dataclass(frozen=True, config=CONFIG)
class CertificateFacts:
    """The signer's certificate.

    ``issuer`` and ``issuer_country``, two letters, are as the certificate states them.
    They are empty if it does not, or not in a form that can be shown.
    """

    serial_number: Annotated[str, Field(description="In hexadecimal digits.")]
    issuer: Annotated[
        Text, Field(description="The common name that the certificate states.")
    ]
    issuer_country: str
    not_before: datetime
    not_after: datetime
    sha256: Digest
    der: Annotated[
        bytes, Field(exclude=True, repr=False)
    ]  # it is in the file, and long


@dataclass(frozen=True, config=CONFIG)
class TimestampReport:
    """A timestamp (RFC 3161). Only one that is intact and trusted proves its time.

    For that, one of the authorities given must have made it, whose certificate had not
    expired and was shown not to be revoked: now, or when the next timestamp was made.
    ``problems`` say why it is not trusted.
    """

    time: datetime | None
    authority: Text
    intact: bool
    trusted: bool
    place: Text = ""
    problems: Problems = ()


@dataclass(frozen=True, config=CONFIG)
class _Judged:
    @computed_field  # type: ignore[prop-decorator] # of pydantic
    @property
    def verdict(self) -> Verdict:
        """The verdict on it as a whole."""
        return self._judge()

    @computed_field(description="EN 319 102-1, §5.1.3.")  # type: ignore[prop-decorator] # of pydantic
    @property
    def indication(self) -> Indication:
        """The indication of EN 319 102-1, §5.1.3."""
        return indication(self.verdict)

    @computed_field(  # type: ignore[prop-decorator] # of pydantic
        description="The sub-indication of EN 319 102-1 that decided, or null for "
        "TOTAL-PASSED."
    )
    @property
    def sub_indication(self) -> str | None:
        """The sub-indication of EN 319 102-1 that decided."""
        verdict = self.verdict
        found = (e.sub_indication for e in self._found() if e.verdict is verdict)
        return None if verdict is Verdict.VALID else next(found, _OTHERWISE[verdict])

    def _judge(self) -> Verdict:
        raise NotImplementedError

    def _found(self) -> Iterable[Problem]:
        """Return what may have decided."""
        raise NotImplementedError


@dataclass(frozen=True, config=CONFIG)
class SignatureReport(_Judged):
    """One signature of a file.

    ``issuer`` is ``authority`` for the pinned CAs, ``test`` for any other of the CAs
    given, and ``eu`` for one that is ``listed`` in the EU's trusted lists. ``time`` is
    the timestamp's if that proves it, or the one that the signer claims.
    ``revocation_source`` is who answered: the network now, or the file for the proven
    time. ``changes`` were made to a PDF afterwards. ``revision_length`` is the number
    of bytes that a PDF had when it was signed (``signed_revision``).
    """

    number: Annotated[int, Field(description="From 1, in the order of signing.")]
    place: Annotated[
        Text, Field(description="The field in a PDF, or the file in a container.")
    ]
    intact: Annotated[
        bool | None,
        Field(
            description="Whether it fits its key and what it covers; null is unknown."
        ),
    ]
    signer: Signer | None
    certificate: CertificateFacts | None
    issuer: Annotated[
        Literal["authority", "test", "eu", "unknown"],
        Field(
            description="Which CA issued the certificate. With unknown, the "
            "signer's name proves nothing. More may be added."
        ),
    ]
    time: datetime | None
    time_source: Annotated[
        Literal["timestamp", "claimed", "none"],
        Field(
            description="timestamp: proven. claimed: by the signer's clock. "
            "More may be added."
        ),
    ]
    timestamp: TimestampReport | None
    covers: Covers
    files: Annotated[
        tuple[FileName, ...],
        Field(description="The files of a container that it covers."),
    ]
    changes: tuple[Change, ...]
    revocation: Annotated[
        Literal["not-asked", "good", "revoked", "no-answer"],
        Field(description="More may be added."),
    ]
    level: Annotated[Level, Field(description="EN 319 142-1.")]
    reason: Annotated[Text, Field(description="What the signer states.")]
    location: Annotated[Text, Field(description="What the signer states.")]
    problems: Problems
    revocation_source: Literal["none", "network", "file"] = Field(
        default="none",
        description="Who answered: network, now; file, for the proven time; or none. "
        "More may be added.",
    )
    listed: ListedAuthority | None = Field(
        default=None, description="For the issuer eu."
    )
    revision_length: int | None = None

    def _judge(self) -> Verdict:
        """``VALID`` only if it is intact and a given CA issued the certificate."""
        verdict = worst(each.verdict for each in self.problems)
        if verdict is Verdict.VALID and not (self.intact and self.issuer != "unknown"):
            return Verdict.CANT_SAY
        return verdict

    def _found(self) -> Iterable[Problem]:
        return self.problems

    @property
    def lacks_revocation(self) -> bool:
        """Whether nothing but an answer on revocation is missing for ``VALID``."""
        others = tuple(each for each in self.problems if each.code not in _OPEN)
        return (
            self.verdict is Verdict.CANT_SAY
            and replace(self, problems=others).verdict is Verdict.VALID
        )


@dataclass(frozen=True, config=CONFIG)
class DocumentReport(_Judged):
    """The report on a file: its signatures in the order of signing.

    ``sha256`` is the digest of the signed file as it was verified, and
    ``signature_sha256`` that of a detached signature. They are empty for what was not
    there or too long to be read.
    """

    kind: Annotated[
        Kind, Field(serialization_alias="format", description="More may be added.")
    ]
    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = Field(
        default=(),
        description="Those of a whole PDF, and the archive timestamps in a container.",
    )
    problems: Problems = ()
    files: tuple[FileName, ...] = Field(
        default=(), description="The files in a container."
    )
    sha256: Digest = ""
    signature_sha256: Digest = ""

    def _judge(self) -> Verdict:
        """The worst verdict of the file and its signatures; it has at least one."""
        verdicts = [each.verdict for each in self.problems]
        verdict = worst(verdicts + [each.verdict for each in self.signatures])
        if verdict is Verdict.VALID and not self.signatures:
            return Verdict.NOT_VALID
        return verdict

    def _found(self) -> Iterable[Problem]:
        of_signatures = (p for each in self.signatures for p in each.problems)
        return (*self.problems, *of_signatures)

    @property
    def lacks_revocation(self) -> bool:
        """Whether nothing but answers on revocation is missing for ``VALID``."""
        doubted = [each for each in self.signatures if each.verdict != Verdict.VALID]
        return (
            bool(doubted)
            and all(each.lacks_revocation for each in doubted)
            and worst(each.verdict for each in self.problems) is Verdict.VALID
        )

    def to_json(self) -> JsonObject:
        """Return the report as JSON, with the names of docs/reference."""
        adapter = TypeAdapter[Any](type(self))
        found: JsonObject = adapter.dump_python(self, mode="json", by_alias=True)
        return found
