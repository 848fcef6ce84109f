# SPDX-License-Identifier: MIT
"""The fields of a report on checked files, for other software.

Those of a file are the library's (``kortilla.signing.verification``). The JSON Schema,
docs/reference/verification-report.schema.json, is made of this module.
"""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from kortilla.common import JsonObject
from kortilla.signing.verification import DocumentReport, Verdict
from kortilla.signing.verification.codes import Indication
from kortilla.signing.verification.report import CONFIG, Digest, FileName, Text


class _Model(BaseModel):
    model_config = CONFIG


class Program(_Model):
    """The program that checked."""

    name: Literal["Kortilla"] = "Kortilla"
    version: str


class Authority(_Model):
    """A certificate that was trusted when the files were checked."""

    name: Annotated[Text, Field(description="The common name of its subject.")]
    sha256: Digest
    use: Literal["authority", "test", "timestamps"] = Field(
        description="authority: a CA of Citizen Certificates that is known by its "
        "fingerprint. test: a CA that somebody else named, as for test cards. "
        "timestamps: only for timestamps."
    )


class SignedFile(_Model):
    """The file that a detached signature is of."""

    name: FileName
    sha256: Digest


@dataclass(frozen=True, config=CONFIG, kw_only=True)
class ReportedFile(DocumentReport):
    """A file that was checked. ``sha256`` is its own digest."""

    name: Annotated[
        FileName,
        Field(
            description="Without the folder. Characters that could hide or "
            "reorder text are escaped, as in \\u{202E}."
        ),
    ]
    signed_file: SignedFile | None = Field(
        default=None,
        description="For a detached signature, the file that it is of.",
    )
    error: Text | None = Field(
        default=None, description="Why the file could not be read, or null."
    )
    signature_sha256: Digest = Field(default="", exclude=True)

    def _judge(self) -> Verdict:
        """A file that can't be read can't be judged."""
        return super()._judge() if self.error is None else Verdict.CANT_SAY


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

    def to_json(self) -> JsonObject:
        """Return the report as JSON."""
        return self.model_dump(mode="json", by_alias=True)

    def to_bytes(self) -> bytes:
        """Return the report as JSON in ASCII, which no text of a file reorders."""
        return json.dumps(self.to_json(), indent=2).encode() + b"\n"
