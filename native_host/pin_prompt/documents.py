# SPDX-License-Identifier: MIT
"""The documents that a page sends: their kind, and how they are described.

The kind follows from a document's bytes. The page's media type is only a claim.
"""

import codecs
import hashlib
import os
from enum import StrEnum

from kortilla.common.escaping import escape_name, group_digest
from native_host.pin_prompt.model import Document
from native_host.pin_prompt.texts import Texts
from native_host.platform import system

#: Bytes from which the kind of a document is determined.
_HEAD = 65536


class DocumentKind(StrEnum):
    """The kind of a document, by its first bytes."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    TEXT = "text"
    OTHER = "other"


#: The media types of each kind that are not worth mentioning.
_CLAIMS = {
    DocumentKind.PDF: ("", "application/pdf"),
    DocumentKind.PNG: ("", "image/png"),
    DocumentKind.JPEG: ("", "image/jpeg"),
    DocumentKind.TEXT: ("", "text/plain"),
    DocumentKind.OTHER: ("",),
}
_MAGIC = {
    b"%PDF-": DocumentKind.PDF,
    b"\x89PNG\r\n\x1a\n": DocumentKind.PNG,
    b"\xff\xd8\xff": DocumentKind.JPEG,
}


def kind_of_bytes(data: bytes, *, whole: bool = True) -> DocumentKind:
    """Return the kind of a document. Without ``whole``, ``data`` is its beginning."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return kind
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return DocumentKind.OTHER
    return DocumentKind.OTHER if b"\0" in data else DocumentKind.TEXT


def read_document(document: Document) -> bytes | None:
    """Return the bytes that were hashed; None if they have changed or are missing."""
    if document.path is None or document.size is None:
        return None
    data = _read(document.path, document.size + 1)
    if data is None:
        return None
    # Web eID's name ``SHA3-384`` is ``sha3_384`` in Python.
    name = document.hash_function.replace("SHA3-", "sha3_").replace("SHA-", "sha")
    same = hashlib.new(name, data).hexdigest() == document.digest.lower()
    return data if same else None


def describe(document: Document, text: Texts) -> list[str]:
    """Return the lines that describe a document, its name first."""
    name = escape_name(document.name)
    hashed = text("document.hash", function=document.hash_function)
    last = f"{hashed}: {group_digest(document.digest)}"
    if document.path is None:
        first = text("document.claimed_name", name=name)
        return [first if name else text("document.unnamed"), last]
    kind = kind_of_file(document)
    about = [text(f"document.kind.{kind}")]
    if document.size is not None:
        about.append(text.size(document.size))
    if document.media_type.partition(";")[0].strip().lower() not in _CLAIMS[kind]:
        claimed = escape_name(document.media_type).replace("\\u{2F}", "/")
        about.append(text("document.claimed", type=claimed))
    lines = [name or text("document.unnamed"), " · ".join(about)]
    if document.result_kind:
        result = escape_name(document.result)
        lines.append(text(f"result.{document.result_kind}", name=result))
    return [*lines, last]


def kind_of_file(document: Document) -> DocumentKind:
    """Return the kind of a document by the beginning of its private copy."""
    data = None if document.path is None else _read(document.path, _HEAD)
    if data is None:
        return DocumentKind.OTHER
    return kind_of_bytes(data, whole=len(data) < _HEAD)


def _read(path: str, at_most: int) -> bytes | None:
    try:
        file = system.open_file(path, os.O_RDONLY)
        with os.fdopen(file, "rb") as opened:
            return opened.read(at_most)
    except OSError:
        return None
