# SPDX-License-Identifier: MIT
"""The documents that a page hands over: what they are, and what is said of them.

What a page says of a document is its claim; what it is, its bytes tell.
"""

import codecs
import hashlib
import os
from enum import StrEnum

from native_host.pin_prompt.escaping import shown_digest, shown_name
from native_host.pin_prompt.model import Document
from native_host.pin_prompt.texts import Texts

__all__ = [
    "DocumentChangedError",
    "Kind",
    "described",
    "first_kind",
    "kind_of",
    "read_document",
]

#: Bytes that tell the kind of a document.
_HEAD = 65536


class DocumentChangedError(Exception):
    """The private copy is not what was hashed, or is gone."""


class Kind(StrEnum):
    """What a document is, by its first bytes."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    TEXT = "text"
    OTHER = "other"


#: What a page may call each kind without its claim being worth a word.
_CLAIMS = {
    Kind.PDF: ("", "application/pdf"),
    Kind.PNG: ("", "image/png"),
    Kind.JPEG: ("", "image/jpeg"),
    Kind.TEXT: ("", "text/plain"),
    Kind.OTHER: ("",),
}
_MAGIC = {
    b"%PDF-": Kind.PDF,
    b"\x89PNG\r\n\x1a\n": Kind.PNG,
    b"\xff\xd8\xff": Kind.JPEG,
}


def kind_of(data: bytes, *, whole: bool = True) -> Kind:
    """Return the kind of a document, or of one of which ``data`` is the beginning."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return kind
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return Kind.OTHER
    return Kind.OTHER if b"\0" in data else Kind.TEXT


def read_document(document: Document) -> bytes:
    """Return the very bytes that were hashed. Raises ``DocumentChangedError``."""
    if document.path is None or document.size is None:
        raise DocumentChangedError
    data = _read(document.path, document.size + 1)
    hashed = hashlib.new(_python_name(document.hash_function), data).hexdigest()
    if hashed != document.digest.lower():
        raise DocumentChangedError
    return data


def described(document: Document, text: Texts) -> list[str]:
    """Return the lines that describe a document, its name first."""
    name = shown_name(document.name)
    hashed = text("document.hash", function=document.hash_function)
    last = f"{hashed}: {shown_digest(document.digest)}"
    if document.path is None:
        first = text("document.claimed_name", name=name)
        return [first if name else text("document.unnamed"), last]
    kind = first_kind(document)
    about = [text(f"document.kind.{kind}")]
    if document.size is not None:
        about.append(text.size(document.size))
    if document.media_type.partition(";")[0].strip().lower() not in _CLAIMS[kind]:
        claimed = shown_name(document.media_type).replace("\\u{2F}", "/")
        about.append(text("document.claimed", type=claimed))
    return [name or text("document.unnamed"), " · ".join(about), last]


def first_kind(document: Document) -> Kind:
    """Return the kind of a document that was handed over, by its beginning."""
    if document.path is None:
        return Kind.OTHER
    try:
        data = _read(document.path, _HEAD)
    except DocumentChangedError:
        return Kind.OTHER
    return kind_of(data, whole=len(data) < _HEAD)


def _read(path: str, at_most: int) -> bytes:
    try:
        # Neither another's file behind a link, nor a pipe that never ends.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(file, "rb") as opened:
            return opened.read(at_most)
    except OSError:
        raise DocumentChangedError from None


def _python_name(hash_function: str) -> str:
    """Return Python's name of a hash function that Web eID names ``SHA3-384``."""
    return hash_function.replace("SHA3-", "sha3_").replace("SHA-", "sha")
