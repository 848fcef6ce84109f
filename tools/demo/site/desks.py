# SPDX-License-Identifier: MIT
"""Each person's document and signed document: in memory, never stored."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from kortilla.signing.pades import SignedPdf
from kortilla.signing.state import PreparedSignature

_MAX_NAME = 100


@dataclass(frozen=True)
class Document:
    """A PDF with the name that the person sees; ``example`` marks our own."""

    name: str
    content: bytes = field(repr=False)
    example: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits, the id of the document on a page."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Signed:
    """A signed document, and the time when this server verified the signature."""

    name: str
    pdf: SignedPdf
    at: datetime


@dataclass
class Desk:
    """A session's own document, pending signature, and last signed document."""

    document: Document | None = None
    prepared: PreparedSignature | None = None
    signed: Signed | None = None

    def take_prepared(self) -> PreparedSignature | None:
        """Return the prepared signature, which can be finished once."""
        prepared, self.prepared = self.prepared, None
        return prepared


class Desks:
    """Desks by session id.

    Beyond ``capacity``, the one that was unused for longest is deleted.
    """

    def __init__(self, *, capacity: int = 20) -> None:
        self._capacity = capacity
        self._desks: OrderedDict[str, Desk] = OrderedDict()

    def of(self, session_id: str) -> Desk:
        """Return the desk of a session, empty at first."""
        desk = self._desks.setdefault(session_id, Desk())
        self._desks.move_to_end(session_id)
        if len(self._desks) > self._capacity:
            self._desks.popitem(last=False)
        return desk

    def clear(self, session_id: str | None) -> None:
        """Delete all data of a session."""
        if session_id is not None:
            self._desks.pop(session_id, None)


def clean_name(name: str) -> str:
    """Return a file name that is safe to show and to save, with ``.pdf`` at its end."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(each for each in name if each.isprintable())
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    return f"{stem.strip(' .')[:_MAX_NAME] or 'document'}.pdf"
