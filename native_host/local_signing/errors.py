# SPDX-License-Identifier: MIT
"""What can prevent the signing of the person's own files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kortilla.common.escaping import escape_name
from native_host.errors import KortillaError


@dataclass(frozen=True)
class UnsignableFile:
    """A file that can't be signed, and why: a stable word, and a sentence in English.

    ``reason`` is ``kind``, ``unreadable``, ``too-long``, ``changed``, or a reason of
    ``kortilla.errors.DocumentNotSignableError``.
    """

    path: Path
    reason: str
    message: str


class FileNotSignableError(KortillaError):
    """Some of the files can't be signed. Nothing was signed."""

    code = "FILE_NOT_SIGNABLE"

    def __init__(self, files: Sequence[UnsignableFile]) -> None:
        said = (f"{shown_path(each.path)}: {each.message}" for each in files)
        super().__init__("\n".join(said))
        self.files = tuple(files)
        self.reason = files[0].reason


class FileNotWritableError(KortillaError):
    """A signed file can't be written. The original is unchanged."""

    code = "FILE_NOT_WRITABLE"

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def shown_path(path: Path) -> str:
    """Return a path as it is shown: its parts are escaped, so that none misleads."""
    parts = [part if part == path.anchor else escape_name(part) for part in path.parts]
    return str(Path(*parts)) if parts else "."
