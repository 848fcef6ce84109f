# SPDX-License-Identifier: MIT
"""Copies the directories of PKCS#15 v1.1 §6, and says which files they name."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from native_host.card.tlv import Tlv, TlvError
from native_host.card_report import facts, stand_ins
from native_host.card_report.copying import Copier

__all__ = ["certificate_files", "copy_card_info", "copy_directory", "directory_files"]

_OCTET_STRING, _SEQUENCE = 0x04, 0x30
_TYPE_ATTRIBUTES = 0xA1  # PKCS15Object.typeAttributes, §6.1.2
_ENTRIES = frozenset({_SEQUENCE, *range(0xA0, 0xA9)})  # §6.2 to §6.8

_MASTER_FILE = bytes.fromhex("3F00")
_APPLICATION = bytes.fromhex("5015")  # §5.4


def copy_directory(content: bytes, copier: Copier) -> None:
    """Copy EF.OD or a file that it names."""
    copier.objects(
        content,
        0,
        lambda tlv, depth: copier.generic(tlv, depth, paths=True),
        tags=_ENTRIES.__contains__,
        padded=True,
    )


def copy_card_info(content: bytes, copier: Copier) -> None:
    """Copy EF.TokenInfo (§6.9) with another serial number."""

    def token_info(tlv: Tlv, depth: int) -> None:
        copier.open(depth, tlv)
        copier.objects(tlv.value, depth + 1, part)

    def part(tlv: Tlv, depth: int) -> None:
        if tlv.tag == _OCTET_STRING:
            value = stand_ins.serial_number(tlv.value)
            copier.replace(depth, tlv, value, "serial number")
        else:
            copier.generic(tlv, depth)

    copier.objects(
        content, 0, token_info, tags=lambda tag: tag == _SEQUENCE, padded=True
    )


def directory_files(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and path of each file that EF.OD names, inside the application."""
    for entry in _objects(content):
        for path in _octets(entry):
            if inside := _inside(path):
                yield entry.tag, inside


def certificate_files(content: bytes) -> Iterator[bytes]:
    """Yield the path of each certificate that a directory names."""
    for entry in _objects(content):
        for attributes in _parts(entry):
            if attributes.tag == _TYPE_ATTRIBUTES:
                yield from filter(None, map(_inside, _octets(attributes)))


def _inside(path: bytes) -> bytes:
    """Return a path inside the application, or nothing for what is no path."""
    if not facts.is_file_path(path):
        return b""
    inside = path.removeprefix(_MASTER_FILE)
    return inside.removeprefix(_APPLICATION) or inside


def _octets(tlv: Tlv, depth: int = 0) -> Iterable[bytes]:
    """Yield the OCTET STRINGs in an object."""
    if tlv.tag == _OCTET_STRING:
        yield tlv.value
    elif tlv.tag in _ENTRIES and depth < 4:
        for part in _parts(tlv):
            yield from _octets(part, depth + 1)


def _objects(content: bytes) -> Iterator[Tlv]:
    with suppress(TlvError):
        while content := content.lstrip(b"\x00\xff"):
            tlv, content = Tlv.take(content)
            yield tlv


def _parts(tlv: Tlv) -> Iterator[Tlv]:
    with suppress(TlvError):
        yield from Tlv.parse_all(tlv.value)
