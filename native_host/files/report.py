# SPDX-License-Identifier: MIT
"""Makes the report on checked files, and writes it whole or not at all."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Literal

from asn1crypto import x509

from kortilla.common.escaping import shown_path
from kortilla.signing.verification import DocumentReport, TrustedCAs
from kortilla.signing.verification.codes import indication
from kortilla.validation.trust import Trust
from native_host import VERSION
from native_host.errors import InvalidArgumentError, ToolMissingError
from native_host.files.check import CheckedFile, worst_verdict
from native_host.files.report_fields import (
    Authority,
    Program,
    Report,
    ReportedFile,
    SignedFile,
)
from native_host.files.sources import FileNotWritableError
from native_host.files.targets import Target, safe_path

_Use = Literal["authority", "test", "timestamps"]


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
    shown = name if isinstance(name, str) else ""
    return Authority(name=shown, sha256=hashlib.sha256(der).hexdigest(), use=use)


def _file(checked: CheckedFile) -> ReportedFile:
    report, of = checked.report or DocumentReport("unknown"), checked.of
    found = {each.name: getattr(report, each.name) for each in fields(report)}
    signed = None
    if of is not None:
        signed = SignedFile(name=of.name, sha256=report.sha256)
        found["sha256"] = report.signature_sha256
    error = None if checked.report is not None else checked.error
    name = checked.path.name
    return ReportedFile(**found, name=name, signed_file=signed, error=error)


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
