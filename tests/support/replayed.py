# SPDX-License-Identifier: MIT
"""A card that answers from a report of ``kortilla doctor --card-report``."""

import json
from pathlib import Path
from typing import Any

from native_host.card.connection import CardConnection

__all__ = ["ReplayedCard", "bytes_of", "load_report"]

_APPLICATION = bytes.fromhex("A000000063504B43532D3135")
_MASTER_FILE = "3F00"
_LONGEST = 256  # bytes of an answer

_OK, _MORE, _END, _ORDER = 0x9000, 0x6100, 0x6282, 0x6986
_NO_FILE, _NO_PIN, _UNKNOWN = 0x6A82, 0x6A88, 0x6D00


def load_report(path: Path) -> dict[str, Any]:
    """Read a report."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert report["cardReport"] == 1
    return report


def bytes_of(lines: list[str]) -> bytes:
    """Return the bytes that lines of a report hold: what stands before ``|``."""
    return b"".join(bytes.fromhex(line.partition("|")[0]) for line in lines)


class ReplayedCard(CardConnection):
    """Selects and reads files, and answers PIN info, as the card of a report did.

    READ BINARY brings as many bytes as it brought there at the same offset. Elsewhere
    it brings what was the most. All commands that a report is not made with are unknown
    to it, VERIFY too.
    """

    def __init__(self, report: dict[str, Any]) -> None:
        self.atr = bytes.fromhex(report["atr"])
        self.protocol = report["protocol"]
        self.commands: list[bytes] = []
        self._chained = report["chained"]
        self._files = {each["file"]: each for each in report["files"]}
        self._pins = {each["reference"]: each for each in report["pins"]}
        self._in_application = False
        self._file: dict[str, Any] | None = None
        self._rest = b""

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Answer a command."""
        self.commands.append(apdu)
        p1, p2 = apdu[2:4]
        match apdu[1]:
            case 0xA4:
                answer, status = self._select(p1, apdu[5 : 5 + apdu[4]])
                return (b"", status) if p2 == 0x0C else self._give(answer, status)
            case 0xB0:
                return self._read(p1 << 8 | p2, apdu[4] or _LONGEST)
            case 0xCB if self._in_application:
                pin = self._pins.get(f"{apdu[9]:02X}")
                if pin is None:
                    return b"", _NO_PIN
                return self._give(bytes_of(pin["answer"]), int(pin["status"], 16))
            case 0xC0 if self._rest:
                rest, self._rest = self._rest, b""
                return rest, _OK
        return b"", _UNKNOWN

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _select(self, p1: int, data: bytes) -> tuple[bytes, int]:
        self._file = None
        if p1 == 0x04:
            self._in_application = data == _APPLICATION
            return b"", _OK if self._in_application else _NO_FILE
        path = data.hex().upper()
        if p1 == 0x00 and path == _MASTER_FILE:
            self._in_application = False
            return b"", _OK
        name = path if p1 == 0x08 and self._in_application else _MASTER_FILE + path
        file = self._files.get(name)
        if file is None:
            return b"", _NO_FILE
        status = int(file["status"], 16)
        if status == _OK:
            self._file = file
        return bytes_of(file["answer"]), status

    def _read(self, offset: int, size: int) -> tuple[bytes, int]:
        if self._file is None:
            return b"", _ORDER
        content = bytes_of(self._file["content"])
        pieces = [int(each) for each in self._file["pieces"].split()]
        starts = [sum(pieces[:number]) for number in range(len(pieces))]
        usual, status = max(pieces), _OK
        if offset in starts:
            usual = pieces[starts.index(offset)]
            if offset == starts[-1]:
                status = int(self._file["end"], 16)
        elif offset >= len(content):
            status = _END
        return self._give(content[offset : offset + min(usual, size)], status)

    def _give(self, answer: bytes, status: int) -> tuple[bytes, int]:
        if self._chained and answer and status == _OK:
            self._rest = answer
            return b"", _MORE | (len(answer) & 0xFF)
        return answer, status
