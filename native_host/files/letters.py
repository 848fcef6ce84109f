# SPDX-License-Identifier: MIT
"""Finds the encrypted message in a saved mail or in PEM, and makes its content a mail.

A mail is encrypted as a whole (RFC 8551 §3.2), or a part of it is. The first such part
counts. No other part comes out with it: a text around an encrypted one could send its
content elsewhere. A mail inside a mail is not looked into.
"""

import binascii
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from email.parser import BytesHeaderParser
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from kortilla.common.escaping import file_name
from kortilla.common.files import read_regular
from kortilla.encryption import (
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
)
from native_host.files import ENCRYPTED

MAIL = ".eml"
#: Endings that decrypted files lack.
_ENDINGS = (*ENCRYPTED, ".pem")
#: Bytes of a mail, or of PEM. Mail servers carry less.
MAX_MAIL = 100_000_000
#: Bytes of the headers of a mail and of a part of it, and characters of one header
#: that describes a part: ``email`` takes a time that grows with their square.
MAX_HEADERS, _MAX_PART, _MAX_HEADER = 1 << 18, 1 << 14, 2000
_MAX_PARTS = 100
#: Bytes in which ``is_encrypted_mail`` looks.
_LOOKED_AT = 1 << 20
_PIECE = 1 << 16
_KINDS = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_PEM = tuple(f"-----BEGIN {kind}-----".encode() for kind in ("CMS", "PKCS7"))
_PEM_ENDS = {each.replace(b"BEGIN", b"END") for each in _PEM}
#: Who wrote, when and about what. They are not encrypted, and nobody has proven them.
_KEPT = ("From", "To", "Cc", "Date", "Subject", "Message-ID", "MIME-Version")
_CONTROLS = dict.fromkeys([*range(32), 127])


class Headers(NamedTuple):
    """The headers of a mail or a part, by name, and what they say of its content."""

    values: dict[str, str]
    kind: str
    #: ``smime-type``: ``signed-data`` is another one.
    sort: str
    encoding: str
    boundary: bytes
    name: str

    @property
    def is_encrypted(self) -> bool:
        named = self.name.casefold().endswith(_ENDINGS[:2])
        return "enveloped" in self.sort and (self.kind in _KINDS or named)

    @property
    def is_mail(self) -> bool:
        return not {"content-type", "mime-version"}.isdisjoint(self.values)


def message_in(file: BinaryIO, stack: ExitStack) -> tuple[BinaryIO, Headers | None]:
    """Return the message in a file, as BER, and the headers of the mail that it is in.

    It is the file, or a copy without a name, which ``stack`` closes. Raises
    ``NotEncryptedError``, ``EncryptionUnsupportedError`` and ``OSError``.
    """
    start = file.read(len(_PEM[1]))
    file.seek(0)
    mail = None
    if start[:1] == b"\x30" and start[1:2] >= b"\x80":  # a long SEQUENCE, no text
        return file, None
    if start.startswith(_PEM):
        file.readline(_PIECE)
        pieces = _decoded(_until(file, _PEM_ENDS))
    else:
        mail, pieces = _find(file)
    if os.fstat(file.fileno()).st_size > MAX_MAIL:
        raise EncryptionUnsupportedError("The mail is too large.")
    # On Windows its type has another name.
    made = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed by stack
    copy = stack.enter_context(made)
    copy.writelines(pieces)
    copy.seek(0)
    return copy, mail


def is_encrypted_mail(path: Path) -> bool:
    """Return whether a file is a mail with an encrypted part, from its beginning."""
    try:
        _find(BytesIO(read_regular(path, _LOOKED_AT)))
    except (OSError, EncryptionError):
        return False
    return True


def _find(file: BinaryIO) -> tuple[Headers, Iterator[bytes]]:
    """Return a mail's headers, with the name of its encrypted part, and that part."""
    mail = part = _read_headers(file, MAX_HEADERS)
    begins: set[bytes] = set()
    for _ in range(_MAX_PARTS):
        if part.is_encrypted:
            ends = begins | {each + b"--" for each in begins}
            lines = _until(file, ends)
            pieces = _decoded(lines) if part.encoding == "base64" else lines
            return mail._replace(name=part.name), pieces
        if part.kind.startswith("multipart/") and part.boundary:
            begins.add(b"--" + part.boundary)
        if not begins:
            break
        for _ in _until(file, begins):
            pass
        part = _read_headers(file, _MAX_PART)
    raise NotEncryptedError("no part of the mail is encrypted")


def _until(file: BinaryIO, marks: set[bytes]) -> Iterator[bytes]:
    """Read lines, or pieces of long ones, and over the first line of the marks.

    The end of the line before that belongs to it (RFC 2046 §5.1.1).
    """
    last = b""
    while line := file.readline(_PIECE):
        if line.startswith(b"--") and line.rstrip() in marks:
            yield last.removesuffix(b"\n").removesuffix(b"\r")
            return
        yield last
        last = line
    yield last


def _decoded(lines: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    try:
        for line in lines:
            rest += line.translate(None, b" \t\r\n")
            if len(rest) >= _PIECE:
                size = len(rest) // 4 * 4
                yield binascii.a2b_base64(rest[:size], strict_mode=True)
                del rest[:size]
        yield binascii.a2b_base64(rest, strict_mode=True)
    except binascii.Error as error:
        raise NotEncryptedError("the base64 is broken") from error


def _read_headers(file: BinaryIO, limit: int) -> Headers:
    """Read headers and the empty line after them."""
    lines = []
    while (line := file.readline(limit + 1)).strip(b"\r\n"):
        limit -= len(line)
        if limit < 0:
            raise NotEncryptedError("the headers are too long")
        lines.append(line)
    return _parse(b"".join(lines))


def _parse(content: bytes) -> Headers:
    """Return the headers at the beginning of a content, none if there are none."""
    try:
        found = BytesHeaderParser().parsebytes(content)
        values: dict[str, str] = {}
        for name, value in found.raw_items():
            values.setdefault(name.lower(), str(value))
            if name.lower().startswith("content-") and len(value) > _MAX_HEADER:
                raise NotEncryptedError("a header is too long")
        return Headers(
            values,
            found.get_content_type(),
            str(found.get_param("smime-type", "enveloped-data")).lower(),
            values.get("content-transfer-encoding", "").strip().lower(),
            found.get_boundary("").encode("ascii", "surrogateescape"),
            found.get_filename(""),
        )
    except EncryptionError:
        raise
    except Exception as error:
        # ``email`` raises any exception on odd input.
        raise NotEncryptedError("the headers can't be read") from error


def _kept(outer: Headers, inner: Headers, end: str) -> bytes:
    """Return the headers that a mail has only outside, as they are inside."""
    kept = ""
    for name in _KEPT:
        value = outer.values.get(name.lower(), "")
        if value and name.lower() not in inner.values:
            lines = (each.translate(_CONTROLS).strip() for each in value.splitlines())
            kept += f"{name}: {f'{end} '.join(filter(None, lines))}{end}"
    return kept.encode("ascii", "surrogateescape")


class Letter:
    """A stream for what is decrypted. A mail's content gets the outer headers first.

    Those that it has itself stay. ``end`` writes what is left.
    """

    def __init__(self, sink: BinaryIO, outer: Headers | None) -> None:
        self._sink = sink
        self._outer = outer
        self._start: bytes | None = b""
        self._is_mail = False

    def write(self, data: bytes) -> int:
        if self._start is None:
            return self._sink.write(data)
        self._start += data
        if len(self._start) >= MAX_HEADERS:
            self.end()
        return len(data)

    def end(self) -> None:
        if self._start is None:
            return
        start, self._start = self._start, None
        try:
            inner = _parse(start)
        except NotEncryptedError:  # it has a header that is too long
            inner = None
        if inner is not None and inner.is_mail:
            self._is_mail = True
            end = "\r\n" if b"\r\n" in start else "\n"
            if self._outer is not None:
                self._sink.write(_kept(self._outer, inner, end))
        self._sink.write(start)

    def name(self, wanted: Path) -> Path:
        """Return how the file is called whose content was written."""
        if self._is_mail:
            if wanted.suffix.casefold() == MAIL or (wanted.suffix and not self._outer):
                return wanted
            return wanted.with_name(wanted.name + MAIL)
        if self._outer is None:
            return wanted
        name = plain_name(re.split(r"[/\\]", self._outer.name)[-1])
        return wanted.with_name(file_name(name.lstrip(". ")) or wanted.stem)


def plain_name(name: str) -> str:
    """Return the name of the decrypted file: without ``.p7m``.

    Of ``..p7m`` the rest would be a folder.
    """
    for ending in _ENDINGS:
        if name.casefold().endswith(ending):
            plain = name[: -len(ending)]
            return name if plain in {"", ".", ".."} else plain
    return name
