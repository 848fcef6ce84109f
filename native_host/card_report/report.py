# SPDX-License-Identifier: MIT
"""The report as a text that its owner can read: JSON, with a line for each data object.

A line is a tag and a length, and for the object identifier of a known standard its
numbers. A data object is listed only where it has a known tag, and all beside it in the
same object are data objects with known tags too: so a text or a number that happens to
look like a tag is not. Nothing else of what the card said is written.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from asn1crypto.core import ObjectIdentifier

from kortilla.common import JsonObject
from native_host import VERSION
from native_host.card.files import Tlv, TlvError
from native_host.card_report.reading import (
    CardContent,
    CardReportError,
    FileContent,
    FileKind,
)
from native_host.platform import system

_FORMAT = 1
_IN_MASTER_FILE = {FileKind.AUTHORITY, FileKind.CARD_ACCESS}
_ABOUT = 6  # sentences
_MOCK_CARD = b"KORTILLA MOCK CARD"  # in the label of its EF.TokenInfo

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID = 0x02, 0x03, 0x04, 0x06
_GROUPS = frozenset({0x30, 0x31, *range(0xA0, 0xA9)})
_IN_FILES = _GROUPS | {
    *range(0x01, 0x07),
    *(0x0A, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1A, 0x1E),
    *range(0x80, 0x89),
}
#: File control parameters and PIN info (docs/reference/card.md, "Commands").
_ANSWER_GROUPS = frozenset({0x62, 0x6F, 0xA0, 0xA5, 0xAB})
_IN_ANSWERS = _ANSWER_GROUPS | {*range(0x80, 0xA0), *range(0xDF20, 0xDF40)}
_DEEPEST = 16
_PADDING = b"\x00\xff"

#: The lengths of other objects would tell how long the parts of a name are.
_LONG_IN_CERTIFICATES = frozenset({_INTEGER, _BIT_STRING})

#: Object identifiers of algorithms, curves, attributes, extensions and policies.
_KNOWN_OID = re.compile(
    r"""(2\.5\.(4|29)                 # X.520, X.509
    |1\.3\.6\.1\.5\.5\.7\.\d{1,2}     # PKIX
    |0\.4\.0\.(1862|194112|194121)\.1 # ETSI EN 319 412-5, 319 411-2, 319 412-1
    |1\.2\.246\.517\.(1\.10|99)       # the policies of the authority, and for tests
    |1\.2\.840\.10045\.\d             # X9.62
    |1\.2\.840\.113549\.1\.(1|9|15)   # PKCS #1, #9, #15
    |1\.3\.132\.0                     # SEC
    |0\.4\.0\.127\.0\.7\.2\.2\.\d{1,2}    # BSI TR-03110
    |2\.16\.840\.1\.101\.3\.4         # NIST
    )(\.\d{1,3}){1,2}""",
    re.VERBOSE | re.ASCII,
)

#: Extensions whose values have a structure that is no person's.
_OPENED = re.compile(
    r"2\.5\.29\.(15|19|31|32|35|37)|1\.3\.6\.1\.5\.5\.7\.1\.[13]", re.ASCII
)


def make_report(
    content: CardContent, texts: Mapping[str, str], *, mock_card: bool
) -> JsonObject:
    """Return a report as values that JSON knows, without anything personal."""
    # The mock card may be in a reader of the system, too.
    mock_card |= any(_MOCK_CARD in each.content for each in content.files)

    def file(each: FileContent) -> JsonObject:
        path = each.path.hex().upper()
        return {
            "file": f"3F00{path}" if each.kind in _IN_MASTER_FILE else path,
            "kind": each.kind.value,
            "status": _status(each.status),
            "answer": list_objects(each.answer),
            "length": len(each.content),
            "pieces": " ".join(map(str, each.pieces)),
            "end": None if each.end is None else _status(each.end),
            "whole": each.whole,
            "objects": list_objects(each.content, each.kind),
        }

    return {
        "about": [texts[f"about.{number}"] for number in range(1, _ABOUT + 1)],
        "cardReport": _FORMAT,
        "kortilla": VERSION,
        "mockCard": mock_card,
        "complete": content.stopped is None,
        "stopped": content.stopped,
        "atr": content.atr.hex().upper(),
        "protocol": content.protocol,
        "chained": content.chained,
        "pace": [
            way
            for each in content.files
            if each.kind is FileKind.CARD_ACCESS
            for way in _ways(each.content)
        ],
        "pins": [
            {
                "pin": role.name,
                "reference": f"{role.value:02X}",
                "status": _status(status),
                "answer": list_objects(answer),
            }
            for role, answer, status in content.pins
        ],
        "files": [file(each) for each in content.files],
        "understood": content.understood,
    }


def _ways(card_access: bytes) -> Iterator[JsonObject]:
    """Yield the ways in which a card opens a secure channel (ICAO 9303-11 §9.2)."""
    with suppress(TlvError):
        for info in Tlv.parse_all(Tlv.parse(card_access.rstrip(b"\x00")).value):
            values = list(Tlv.parse_all(info.value))
            numbers = [
                int.from_bytes(each.value)
                for each in values[1:]
                if each.tag == _INTEGER and len(each.value) == 1
            ]
            if values and (protocol := _oid(values[0])) and len(numbers) == 2:
                version, parameters = numbers
                yield {
                    "protocol": protocol,
                    "version": version,
                    "parameters": parameters,
                }


def write_text(report: JsonObject) -> str:
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def _status(status: int) -> str:
    """Return a status word of ISO/IEC 7816-4 §5.6, and for others that it is none."""
    return f"{status:04X}" if status == 0x9000 or 0x61 <= status >> 8 < 0x70 else "?"


def list_objects(content: bytes, kind: FileKind | None = None) -> list[str]:
    """Return the lines for a file, or without ``kind`` for an answer to a command."""
    groups, known = _GROUPS, _IN_FILES
    if kind is None:
        groups, known = _ANSWER_GROUPS, _IN_ANSWERS
    certificate = kind in {FileKind.CERTIFICATE, FileKind.AUTHORITY}
    long = _LONG_IN_CERTIFICATES if certificate else known

    def lines(content: bytes, depth: int) -> Iterator[str]:
        indent = "  " * depth
        objects = _parse(content, padded=depth == 0)
        if (
            not objects
            or depth > _DEEPEST
            or not known.issuperset(o.tag for o in objects)
        ):
            yield f"{indent}?"
            return
        last_oid = ""
        for each in objects:
            length = str(len(each.value)) if each.tag in long or not depth else ""
            oid = _oid(each)
            yield indent + " ".join(filter(None, (f"{each.tag:02X}", length, oid)))
            extension = certificate and each.tag == _OCTET_STRING
            if each.tag in groups or (extension and _OPENED.fullmatch(last_oid)):
                yield from lines(each.value, depth + 1) if each.value else ()
            last_oid = oid or last_oid

    if certificate:  # the first object of its file
        with suppress(TlvError):
            content = Tlv.take(content)[0]
    return [*lines(content, 0)] if content else []


def _parse(content: bytes, *, padded: bool) -> list[Tlv]:
    """Return the data objects, or none for any other bytes."""
    found = []
    with suppress(TlvError):
        while content := content.lstrip(_PADDING if padded else b""):
            tlv, content = Tlv.take(content)
            found.append(tlv)
        return found
    return []


def _oid(tlv: Tlv) -> str:
    """Return the numbers of a known object identifier."""
    if tlv.tag != _OID:
        return ""
    try:
        dotted: str = ObjectIdentifier.load(bytes(tlv), strict=True).dotted
    except ValueError:
        return "?"
    return dotted if _KNOWN_OID.fullmatch(dotted) else "?"


def write_new_file(path: Path, make: Callable[[], str]) -> None:
    """Create a file that only its owner can read, and write into it what ``make`` does.

    It is deleted if that fails. Raises ``CardReportError``, also if anything has that
    name, such as a broken link.
    """
    with _explained():
        descriptor = system.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            text = make()
            with _explained():
                file.write(text)
                file.flush()
                os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise CardReportError("exists") from None
    except (FileNotFoundError, NotADirectoryError):
        raise CardReportError("no-folder") from None
    except (OSError, ValueError) as error:
        raise CardReportError("unwritable") from error
