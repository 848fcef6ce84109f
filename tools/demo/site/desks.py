# SPDX-License-Identifier: MIT
"""What each logged-in person has to sign, and has signed: in memory, never stored."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from kortilla.signing.pades import SignedPdf
from kortilla.signing.state import PreparedSignature

__all__ = ["Desk", "Desks", "Document", "Signed", "clean_name"]

_MAX_NAME = 100


@dataclass(frozen=True)
class Document:
    """A PDF, by the name that the person sees; ``example`` says that it is ours."""

    name: str
    content: bytes = field(repr=False)
    example: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits: what a page was shown, and signs."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Signed:
    """A document that was signed, and when this server checked the signature."""

    name: str
    pdf: SignedPdf
    at: datetime


@dataclass
class Desk:
    """One session's: its own document, a signature half made, what was signed last."""

    document: Document | None = None
    prepared: PreparedSignature | None = None
    signed: Signed | None = None

    def take_prepared(self) -> PreparedSignature | None:
        """Return what was prepared, which can be finished once."""
        prepared, self.prepared = self.prepared, None
        return prepared


class Desks:
    """Desks by session id.

    Beyond ``capacity`` the one that was unused for longest is cleared.
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
        """Forget all that a session has."""
        if session_id is not None:
            self._desks.pop(session_id, None)


def clean_name(name: str) -> str:
    """Return a file's name as it may be shown and saved, with ``.pdf`` at its end."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(each for each in name if each.isprintable())
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    return f"{stem.strip(' .')[:_MAX_NAME] or 'document'}.pdf"
