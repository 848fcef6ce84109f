# SPDX-License-Identifier: MIT
"""Makes the report on checked files, and writes it whole or not at all."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from asn1crypto import x509
from pydantic import BaseModel

from kortilla.common.escaping import escape_name, printable
from kortilla.signing.verification import (
    DocumentReport,
    Problem,
    SignatureReport,
    TimestampReport,
    TrustedCAs,
    Verdict,
)
from kortilla.signing.verification.indications import (
    deciding,
    indication,
    sub_indication,
)
from kortilla.validation.trust import Trust
from native_host import VERSION
from native_host.errors import InvalidArgumentError, ToolMissingError
from native_host.files.check import CheckedFile, worst_verdict
from native_host.files.report_fields import (
    Authority,
    Program,
    Reason,
    Report,
    ReportedFile,
    Signature,
    SignedFile,
    Timestamp,
)
from native_host.files.sources import FileNotWritableError, shown_path
from native_host.files.targets import Target, safe_path

_Use = Literal["authority", "test", "timestamps"]
_M = TypeVar("_M", bound=BaseModel)


def make_report(checked: Sequence[CheckedFile]) -> Report:
    """Return the report on files that one ``check_files`` has checked."""
    basis = next(each.basis for each in checked if each.basis is not None)
    verdict = worst_verdict(checked)
    return Report(
        program=Program(version=VERSION),
        checked_at=basis.at,
        revocation_asked=basis.asked,
        verdict=verdict,
        indication=indication(verdict),
        trusted=_authorities(basis.trusted),
        files=[_file(each) for each in checked],
    )


def _authorities(trusted: TrustedCAs) -> list[Authority]:
    """Return the CAs that a signature or a timestamp may rest on, each once."""
    uses: dict[bytes, _Use] = {}
    for der in _certificates(trusted.authority):
        uses[der] = "authority"
    for der in _certificates(trusted.test):
        uses.setdefault(der, "test")
    for der in trusted.timestamp_authorities:
        uses.setdefault(der, "timestamps")
    return [_authority(der, use) for der, use in uses.items()]


def _certificates(trust: Trust | None) -> Iterator[bytes]:
    for each in () if trust is None else trust.issuers:
        yield each.certificate.dump()
        if each.root is not None:
            yield each.root.dump()


def _authority(der: bytes, use: _Use) -> Authority:
    name = x509.Certificate.load(der).subject.native.get("common_name")
    shown = printable(name) if isinstance(name, str) else ""
    return Authority(name=shown, sha256=hashlib.sha256(der).hexdigest(), use=use)


def _file(checked: CheckedFile) -> ReportedFile:
    report = checked.report or DocumentReport("unknown")
    own = report.sha256 if checked.of is None else report.signature_sha256
    decided = deciding(checked.verdict, report.problems) or next(
        (
            found
            for each in report.signatures
            if (found := deciding(checked.verdict, each.problems, each))
        ),
        "",
    )
    of = checked.of
    return ReportedFile(
        name=escape_name(checked.path.name),
        sha256=own or None,
        signed_file=None
        if of is None
        else SignedFile(name=escape_name(of.name), sha256=report.sha256 or None),
        format=report.kind,
        error=None if checked.report is not None else printable(checked.error),
        **_judged(checked.verdict, decided),
        reasons=_reasons(report.problems),
        files=[escape_name(each) for each in report.files],
        signatures=[_signature(each) for each in report.signatures],
        timestamps=[_timestamp(each) for each in report.timestamps],
    )


def _judged(verdict: Verdict, decided: str) -> dict[str, Any]:
    """Return the fields of a verdict. What nothing names is a constraint of ours."""
    otherwise = {
        Verdict.CANT_SAY: "SIG_CONSTRAINTS_FAILURE",
        Verdict.NOT_VALID: "FORMAT_FAILURE",
    }
    return {
        "verdict": verdict,
        "indication": indication(verdict),
        "sub_indication": decided or otherwise.get(verdict),
    }


def _reasons(
    problems: Sequence[Problem], signature: SignatureReport | None = None
) -> list[Reason]:
    return [
        _with_fields_of(
            each, Reason, sub_indication=sub_indication(each, signature) or None
        )
        for each in problems
    ]


def _signature(signature: SignatureReport) -> Signature:
    stamp = signature.timestamp
    decided = deciding(signature.verdict, signature.problems, signature)
    return _with_fields_of(
        signature,
        Signature,
        **_judged(signature.verdict, decided),
        reasons=_reasons(signature.problems, signature),
        timestamp=None if stamp is None else _timestamp(stamp),
        files=[escape_name(each) for each in signature.files],
    )


def _with_fields_of(found: object, model: type[_M], **others: object) -> _M:
    """Return a model with ``others``, and the fields that ``found`` has by their names.

    Parts of ``found`` become models in the same way.
    """
    fields = {
        name: getattr(found, name) for name in model.model_fields if name not in others
    }
    return model.model_validate(fields | others, from_attributes=True)


def _timestamp(stamp: TimestampReport) -> Timestamp:
    return _with_fields_of(stamp, Timestamp, reasons=_reasons(stamp.problems))


def check_place(path: Path, checked: Sequence[Path], *, replace: bool) -> None:
    """Raise ``InvalidArgumentError`` where a report may not be written.

    That is over one of the files that are checked, and over any file unless
    ``replace``.
    """
    for each in checked:
        with suppress(OSError):
            if path.samefile(each):
                raise InvalidArgumentError(
                    f"{shown_path(path)} is one of the files that are checked."
                )
    if os.path.lexists(path) and not replace:
        raise InvalidArgumentError(f"{shown_path(path)} is there already.")


def render(checked: Sequence[CheckedFile], language: str, *, pdf: bool) -> bytes:
    """Return the report on checked files as a PDF in a language, or else as JSON.

    Raises ``ToolMissingError`` for a PDF where Qt or a library of it is missing.
    """
    report = make_report(checked)
    if not pdf:
        return report.to_bytes()
    # Qt is not there where only JSON is wanted.
    try:
        from native_host.files.report_pdf import draw
    except ImportError as error:
        raise ToolMissingError(f"A report as PDF needs Qt: {error}.") from error

    return draw(report, checked, language)


def is_pdf(path: Path) -> bool:
    return path.suffix.lower() == ".pdf"


def save(
    content: bytes, path: Path, checked: Sequence[CheckedFile], *, replace: bool
) -> None:
    """Write a report, whole or not at all.

    Raises as ``check_place``, and ``FileNotWritableError``.
    """
    path = safe_path(path)
    files = [each.path for each in checked] + [each.of for each in checked if each.of]
    check_place(path, files, replace=replace)
    made = Target.reserve(path, len(content), set()).publish(content)
    if made == path:
        return
    try:
        # The name was taken before, or has been since.
        if not replace:
            raise InvalidArgumentError(f"{shown_path(path)} is there already.")
        made.replace(path)
    except OSError as error:
        raise FileNotWritableError(
            f"{shown_path(path)} can't be written: {error.strerror}.", path
        ) from error
    finally:
        made.unlink(missing_ok=True)
