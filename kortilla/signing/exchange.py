# SPDX-License-Identifier: MIT
"""What the service and a process of ``processes.py`` say to each other.

A message is two lengths of 4 octets each, then JSON, then a document. It can carry no
code: the process has read an untrusted file, so its messages are untrusted too.

The service imports this module, and not what reads files: that takes half a second.
"""

import base64
import json
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from kortilla.common import JsonObject
from kortilla.common.corners import Corner

#: The exit statuses of a process that exceeded its memory limit, and its time limit
#: where no signal ends it.
OUT_OF_MEMORY, OUT_OF_TIME = 99, 98
if sys.platform == "win32":
    TOO_SLOW: tuple[signal.Signals, ...] = ()
else:
    #: The signals that end a process at its time limit.
    TOO_SLOW = (signal.SIGPROF, signal.SIGALRM)

_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True)
class Placeholder:
    """A signature to prepare. Certificates are DER.

    ``box`` is in points, or a corner of the page.
    """

    certificate: bytes
    chain: tuple[bytes, ...]
    hash_function: str
    reason: str | None
    location: str | None
    field_name: str | None
    box: tuple[int, int, int, int] | Corner | None
    page: int
    text: str


def write_message(
    stream: BinaryIO, head: Mapping[str, object], document: bytes
) -> None:
    """Send JSON, with bytes in it, and a document. Raises ``OSError``."""
    line = json.dumps(head, default=_encode).encode()
    stream.write(_LENGTHS.pack(len(line), len(document)))
    stream.write(line)
    stream.write(document)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[JsonObject, bytes]:
    """Receive a message. Raises ``EOFError`` if the other side has closed."""
    line, document = _LENGTHS.unpack(_read(stream, _LENGTHS.size))
    head = json.loads(_read(stream, line), object_hook=_decode)
    return head, _read(stream, document)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _encode(value: bytes | datetime) -> dict[str, str] | str:
    if isinstance(value, datetime):
        return value.isoformat()
    return {"base64": base64.b64encode(value).decode()}


def _decode(found: JsonObject) -> Any:
    if found.keys() == {"base64"}:
        return base64.b64decode(found["base64"])
    return found
