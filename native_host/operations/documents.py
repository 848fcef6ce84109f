# SPDX-License-Identifier: MIT
"""Documents on their way to be signed: taken in piece by piece, kept, and deleted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "MAX_DOCUMENTS",
    "MAX_NAME",
    "MAX_TOTAL_SIZE",
    "DocumentHeader",
    "DocumentInbox",
]

#: How many documents or hashes can be signed at once.
MAX_DOCUMENTS = 20
#: Bytes that the documents may have together.
MAX_TOTAL_SIZE = 20 * 1000 * 1000
#: Characters that a document's name may have.
MAX_NAME = 255


@dataclass(frozen=True)
class DocumentHeader:
    """What is known of a document before its bytes come; ``size`` is in bytes."""

    name: str
    media_type: str
    size: int


class DocumentInbox:
    """Takes documents in, in a private folder that ``close`` deletes.

    Raises ``InvalidArgument`` for headers over the limits.
    """

    def __init__(self, headers: tuple[DocumentHeader, ...]) -> None:
        self.headers = headers

    def put(self, document: int, number: int, data: bytes) -> int:
        """Take a chunk; return how many bytes of all documents there are now.

        Chunks come in order: all of document 0, numbered from 0, then of document 1.
        A chunk out of order, or beyond the document's size, ends the inbox with
        ``InvalidArgument``, here and from ``complete``.
        """
        raise NotImplementedError

    async def complete(self, progress: Callable[[int, int], None]) -> None:
        """Wait until all bytes are there; tell ``progress`` bytes there and in all.

        Raises ``InvalidArgument`` when a chunk was wrong or none came for a minute.
        """
        raise NotImplementedError

    def path(self, document: int) -> Path:
        """Return where a document's private copy is."""
        raise NotImplementedError

    def digest(self, document: int, hash_function: str) -> bytes:
        """Return the hash of a document that has come whole."""
        raise NotImplementedError

    def close(self) -> None:
        """Delete everything. May be called twice."""
        raise NotImplementedError
