# SPDX-License-Identifier: MIT
"""What is found in a signed file, before anybody asks who may have signed.

Findings are made in a process of its own, from the file only, and sent as JSON.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from kortilla.common import escaping

_MAX_TEXT = 500

#: Left, bottom, right and top in the coordinates of a page.
Rectangle = tuple[float, float, float, float]
Kind = Literal["pdf", "asice", "cms", "unknown"]
Covers = Literal["whole-file", "earlier-revision", "part", "files", "unknown"]


@dataclass(frozen=True)
class Found:
    """A code of ``CODES``, and technical words about it for experts."""

    code: str
    detail: str = ""


class RefusedError(Exception):
    """A file or signature that is not examined any further, with its code."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.found = Found(code, detail)


def broken(error: Exception) -> Found:
    """Return what is found where a library raised an error for odd input."""
    return Found("BROKEN", f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Change:
    """What came after a signature in a PDF. ``text`` is the name of a field.

    For ``other`` it says what may not come later. A signature or timestamp that is
    shown has a ``rectangle`` in points, and a ``page`` that counts from 1, or None for
    a field that no page has.
    """

    kind: Literal["signature", "timestamp", "validation-data", "other"]
    text: str = ""
    page: int | None = None
    rectangle: Rectangle | None = None


@dataclass(frozen=True)
class Kept:
    """Certificates and revocation data (DER) that a file keeps for later.

    ``stamped_by`` is the number of the first of ``Findings.timestamps`` that is of them
    too, or None.
    """

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    stamped_by: int | None = None


@dataclass(frozen=True)
class Stamp:
    """A timestamp. ``certificates`` are DER, its own first, or none if it has none.

    ``fault`` says in technical words why one is not intact, as far as that is known.
    """

    intact: bool
    time: datetime | None = None
    certificates: tuple[bytes, ...] = ()
    place: str = ""
    kept: Kept = Kept()
    fault: str = ""


@dataclass
class Finding:
    """One signature. ``intact`` says whether it fits its key and its bytes.

    ``revision_length`` is the number of bytes that a PDF had when it was signed.
    ``stamps`` are each of the signature alone, in any order.
    ``archive`` are the numbers of the ``Findings.timestamps`` that are of the signature
    and all before them, in their order.
    """

    place: str
    intact: bool | None = None
    problems: list[Found] = field(default_factory=list)
    certificate: bytes | None = None
    chain: tuple[bytes, ...] = ()
    claimed_time: datetime | None = None
    stamps: list[Stamp] = field(default_factory=list)
    covers: Covers = "unknown"
    files: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    revision_length: int | None = None
    kept: list[Kept] = field(default_factory=list)
    archive: list[int] = field(default_factory=list)
    reason: str = ""
    location: str = ""


@dataclass
class Findings:
    """All signatures of a file, in the order of signing, and what is kept for all."""

    kind: Kind
    signatures: list[Finding] = field(default_factory=list)
    timestamps: list[Stamp] = field(default_factory=list)
    problems: list[Found] = field(default_factory=list)
    files: tuple[str, ...] = ()
    kept: list[Kept] = field(default_factory=list)


def printable(text: str) -> str:
    """Return a text of a file that a window or terminal can show, perhaps shortened.

    It has no control characters, and none that change the direction of writing.
    """
    return escaping.printable(text[:_MAX_TEXT])


_adapter = TypeAdapter(Findings)


def read_findings(message: object) -> Findings:
    """Read findings that another process has sent. Raises ``ValueError`` for none."""
    return _adapter.validate_python(message)
