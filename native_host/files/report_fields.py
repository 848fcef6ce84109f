# SPDX-License-Identifier: MIT
"""The fields of a report on checked files, for other software.

The terms are those of ETSI TS 119 102-2 and EN 319 102-1 where these have one. The JSON
Schema, docs/reference/verification-report.schema.json, is made of this module.
"""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kortilla.common.escaping import printable
from kortilla.signing.verification import Verdict
from kortilla.signing.verification.indications import Indication

#: A text that may be a file's, without characters that garble a line.
Text = Annotated[str, AfterValidator(printable)]
_DIGEST = Field(pattern="^[0-9a-f]{64}$", description="SHA-256, in hexadecimal digits.")


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Program(_Model):
    """The program that checked."""

    name: Literal["Kortilla"] = "Kortilla"
    version: str


class Authority(_Model):
    """A certificate that was trusted when the files were checked."""

    name: str = Field(description="The common name of its subject.")
    sha256: str = _DIGEST
    use: Literal["authority", "test", "timestamps"] = Field(
        description="authority: a CA of Citizen Certificates that is known by its "
        "fingerprint. test: a CA that somebody else named, as for test cards. "
        "timestamps: only for timestamps."
    )


class Reason(_Model):
    """Something that was found. One whose verdict is valid is a note."""

    code: str = Field(description="A stable code; more may be added.")
    verdict: Verdict = Field(description="The best verdict that is possible with it.")
    sub_indication: str | None = Field(
        description="The nearest sub-indication of EN 319 102-1, or null for a note."
    )
    message: str = Field(description="A sentence in English.")
    detail: Text = Field(description="Technical words, perhaps with texts of the file.")


class _Judged(_Model):
    verdict: Verdict
    indication: Indication = Field(description="EN 319 102-1, §5.1.3.")
    sub_indication: str | None = Field(
        description="The sub-indication of EN 319 102-1 that decided, or null for "
        "TOTAL-PASSED."
    )
    reasons: list[Reason]


class Signer(_Model):
    """Whom the certificate names. A text is empty if the certificate lacks it."""

    name: Text
    surname: Text
    given_names: Text
    satu: Text = Field(description="The electronic client identifier.")
    identifier: Text = Field(
        default="", description="In place of a SATU, that of another country."
    )


class Listed(_Model):
    """The authority of the EU's trusted lists that issued the certificate."""

    country: str = Field(description="The two letters of its list; EL is Greece.")
    name: str
    service: str
    qualification: str = Field(
        description="qualified-signature, qualified-seal, advanced-signature, "
        "advanced-seal or none. More may be added."
    )


class Certificate(_Model):
    """The signer's certificate."""

    serial_number: str = Field(description="In hexadecimal digits.")
    issuer: Text = Field(description="The common name that the certificate states.")
    not_before: datetime
    not_after: datetime
    sha256: str = _DIGEST


class Timestamp(_Model):
    """A timestamp (RFC 3161). Only one that is intact and trusted proves its time."""

    time: datetime | None
    authority: Text
    intact: bool
    trusted: bool
    place: Text
    reasons: list[Reason] = Field(description="Why it is not trusted.")


class Modification(_Model):
    """A change of a PDF after the signature. Lengths are points, pages begin at 1."""

    kind: str
    text: Text
    page: int | None
    rectangle: tuple[float, float, float, float] | None = Field(
        description="Left, bottom, right and top."
    )


class Signature(_Judged):
    """One signature of a file."""

    number: int = Field(description="From 1, in the order of signing.")
    place: Text = Field(description="The field in a PDF, or the file in a container.")
    intact: bool | None = Field(
        description="Whether it fits its key and what it covers; null is unknown."
    )
    signer: Signer | None
    issuer: str = Field(
        description="authority, test, eu or unknown: which CA issued the certificate. "
        "With unknown, the signer's name proves nothing. More may be added."
    )
    listed: Listed | None = Field(default=None, description="For the issuer eu.")
    certificate: Certificate | None
    time: datetime | None
    time_source: str = Field(
        description="timestamp: proven. claimed: by the signer's clock. none. More may "
        "be added."
    )
    timestamp: Timestamp | None
    revocation: str = Field(
        description="not-asked, good, revoked or no-answer. More may be added."
    )
    revocation_source: str = Field(
        description="Who answered: network, now; file, for the proven time; or none. "
        "More may be added."
    )
    level: str = Field(description="B-B, B-T, B-LT, B-LTA or none (EN 319 142-1).")
    covers: str
    files: list[str] = Field(description="The files of a container that it covers.")
    changes: list[Modification]
    reason: Text = Field(description="What the signer states.")
    location: Text = Field(description="What the signer states.")


class SignedFile(_Model):
    """The file that a detached signature is of."""

    name: str
    sha256: str | None = _DIGEST


class ReportedFile(_Judged):
    """A file that was checked."""

    name: str = Field(
        description="Without the folder. Characters that could hide or reorder text "
        "are escaped, as in \\u{202E}."
    )
    sha256: str | None = Field(
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the bytes that were verified; null if none were.",
    )
    signed_file: SignedFile | None = Field(
        description="For a detached signature, the file that it is of."
    )
    format: str = Field(description="pdf, asice, cms or unknown. More may be added.")
    error: str | None = Field(description="Why the file could not be read, or null.")
    files: list[str] = Field(description="The files in a container.")
    signatures: list[Signature]
    timestamps: list[Timestamp] = Field(
        description="Those of a whole PDF, and the archive timestamps in a container."
    )


class Report(_Model):
    """A report on signed files by Kortilla.

    It says what was found at a time. It is not signed: a person who can change it can
    make it say something else.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:kortilla:verification-report:1",
        }
    )

    report_format: Literal["kortilla-verification-report"] = (
        "kortilla-verification-report"
    )
    report_version: Literal[1] = Field(
        default=1,
        description="It changes when a reader of the old one would misunderstand.",
    )
    program: Program
    checked_at: datetime
    revocation_asked: bool = Field(
        description="Whether the authority was to be asked if certificates were "
        "revoked. Each signature says what came of it."
    )
    verdict: Verdict = Field(description="The worst of the files.")
    indication: Indication
    trusted: list[Authority]
    files: list[ReportedFile]

    @classmethod
    def schema_text(cls) -> str:
        """Return the JSON Schema, as it stands in the reference."""
        schema = cls.model_json_schema(mode="serialization")
        return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"

    def to_bytes(self) -> bytes:
        """Return the report as JSON in ASCII, which no text of a file reorders."""
        content = self.model_dump(mode="json", by_alias=True)
        return json.dumps(content, indent=2).encode() + b"\n"
