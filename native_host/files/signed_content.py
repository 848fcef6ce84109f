# SPDX-License-Identifier: MIT
"""What was signed, written to new files: a PDF as it was signed, a container's files.

The file is read again, and must be the one that was checked. No file is overwritten,
and only this user can read the new ones.
"""

import hashlib
from pathlib import Path

from kortilla.common.escaping import file_name, shown_path
from kortilla.common.files import make_folder, read_regular
from kortilla.signing.verification import (
    SignatureReport,
    signed_files,
    signed_revision,
)
from kortilla.signing.verification.document import MAX_BYTES
from native_host.errors import KortillaError
from native_host.files import words
from native_host.files.check import CheckedFile
from native_host.files.sources import FileNotWritableError
from native_host.files.targets import Target, safe_path

_PRIVATE = 0o600


def revisions(checked: CheckedFile) -> list[SignatureReport]:
    """Return the signatures that give the PDF as it was when it was signed."""
    signatures = () if checked.report is None else checked.report.signatures
    return [each for each in signatures if each.intact and each.revision_length]


def has_signed_files(checked: CheckedFile) -> bool:
    """Whether it is a container with files that an intact signature covers."""
    report = checked.report
    return (
        report is not None
        and report.kind == "asice"
        and not report.problems
        and any(each.intact and each.files for each in report.signatures)
    )


def save_signed(checked: CheckedFile, folder: Path, language: str) -> list[Path]:
    """Write all that was signed of a file into a folder; return the new files.

    A PDF gives a file for each signature, and a container a folder with its files.
    Raises ``FILE_CHANGED``, ``FileNotWritableError``, and ``OSError`` for a file
    that can't be read.
    """
    if has_signed_files(checked):
        return _save_files(checked, folder, language)
    return [
        save_revision(checked, each, folder, language) for each in revisions(checked)
    ]


def save_revision(
    checked: CheckedFile, signature: SignatureReport, folder: Path, language: str
) -> Path:
    """Write a PDF as it was when it was signed. Raises as ``save_signed``."""
    content = signed_revision(_read(checked), signature)
    many = len(revisions(checked)) > 1
    number = f"-{signature.number}" if many else ""
    name = f"{checked.path.stem}-{_word(language)}{number}.pdf"
    return _write(checked, folder / name, content)


def _save_files(checked: CheckedFile, folder: Path, language: str) -> list[Path]:
    report = checked.report
    assert report is not None  # noqa: S101 - it has signed files
    content = _read(checked)
    own = _new_folder(folder / f"{checked.path.stem}-{_word(language)}")
    saved = []
    try:
        for name, data in signed_files(content, report):
            path = own.joinpath(*map(file_name, name.split("/")))
            make_folder(path.parent)
            saved.append(_write(checked, path, data))
    except OSError as error:
        message = f"{shown_path(own)} can't be written: {error.strerror}."
        raise FileNotWritableError(message, own) from error
    return saved


def _new_folder(wanted: Path) -> Path:
    """Create a folder with a free name. Raises ``FileNotWritableError``."""
    number, path = 1, safe_path(wanted)
    while True:
        try:
            path.mkdir(0o700)
        except FileExistsError:
            number += 1
            path = safe_path(wanted.with_name(f"{wanted.name}-{number}"))
        except OSError as error:
            message = f"{shown_path(path)} can't be made: {error.strerror}."
            raise FileNotWritableError(message, path) from error
        else:
            return path


def _write(checked: CheckedFile, path: Path, content: bytes) -> Path:
    sources = [checked.path]
    target = Target.reserve(path, len(content), set(), mode=_PRIVATE, sources=sources)
    return target.publish(content)


def _read(checked: CheckedFile) -> bytes:
    content = read_regular(checked.path, MAX_BYTES + 1)
    digest = hashlib.sha256(content).hexdigest()
    if checked.report is None or digest != checked.report.sha256:
        name = shown_path(checked.path)
        raise KortillaError(
            f"{name} is no longer the file that was checked.", code="FILE_CHANGED"
        )
    return content


def _word(language: str) -> str:
    return words.load(language)["saved"]
