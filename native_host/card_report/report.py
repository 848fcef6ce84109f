# SPDX-License-Identifier: MIT
"""The report as a text that its owner can read: JSON, with bytes in lines.

A line of bytes is hexadecimal digits, ``|`` and words. All digits of a list of lines,
one after the other, are the bytes of a file or an answer.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from native_host import VERSION
from native_host.card_report import facts
from native_host.card_report.answers import copy_answer
from native_host.card_report.certificates import copy_certificate
from native_host.card_report.copying import Copier, Piece
from native_host.card_report.directories import copy_card_info, copy_directory
from native_host.card_report.reading import CardContent, FileContent, FileKind
from native_host.card_report.stand_ins import StandIns

__all__ = ["COPIES", "FORMAT", "catalogue", "make_report", "write_text"]

FORMAT = 1

_FOLDER = Path(__file__).parent / "texts"
_ABOUT = 6  # sentences
_WIDTH = 24  # bytes in a line
_MOCK_CARD = b"KORTILLA MOCK CARD"  # in the label of its EF.TokenInfo
_ODD_STATUS = 0x6F00

#: How the content of each kind of file is copied.
COPIES: dict[FileKind, Callable[[bytes, Copier], None]] = {
    FileKind.DIRECTORY: copy_directory,
    FileKind.CARD_INFO: copy_card_info,
    FileKind.CERTIFICATE: copy_certificate,
    FileKind.AUTHORITY: partial(copy_certificate, of_authority=True),
}


def catalogue(language: str) -> dict[str, str]:
    """Return the words of a language."""
    text = (_FOLDER / f"{language}.json").read_text(encoding="utf-8")
    texts: dict[str, str] = json.loads(text)
    return texts


def make_report(
    content: CardContent, texts: dict[str, str], *, mock_card: bool
) -> dict[str, Any]:
    """Return a report as values that JSON knows, without anything personal."""
    stand_ins = StandIns()
    # The mock card may be in a reader of the system, too.
    mock_card |= any(
        each.kind is FileKind.CARD_INFO and _MOCK_CARD in each.content
        for each in content.files
    )

    def lines(raw: bytes, copy: Callable[[bytes, Copier], None]) -> list[str]:
        copier = Copier(stand_ins)
        copy(raw, copier)
        return [line for each in copier.pieces for line in _lines(each, texts)]

    def file(each: FileContent) -> dict[str, Any]:
        path = each.path.hex().upper()
        return {
            "file": f"3F00{path}" if each.in_master_file else path,
            "kind": each.kind.value,
            "what": texts[f"kind.{each.kind}"],
            "status": _status(each.status),
            "answer": lines(each.answer, copy_answer),
            "pieces": " ".join(map(str, each.pieces)),
            "end": None if each.end is None else _status(each.end),
            "whole": each.whole,
            "content": lines(each.content, COPIES[each.kind]),
        }

    return {
        "about": [texts[f"about.{number}"] for number in range(1, _ABOUT + 1)],
        "cardReport": FORMAT,
        "kortilla": VERSION,
        "mockCard": mock_card,
        "complete": content.stopped is None,
        "stopped": content.stopped,
        "atr": content.atr.hex().upper(),
        "protocol": content.protocol,
        "chained": content.chained,
        "pins": [
            {
                "pin": each.role.name,
                "reference": f"{each.role.value:02X}",
                "status": _status(each.status),
                "answer": lines(each.answer, copy_answer),
            }
            for each in content.pins
        ],
        # In an order that does not depend on the reading, as stand-ins depend on it.
        "files": [
            file(each)
            for each in sorted(content.files, key=lambda f: (f.in_master_file, f.path))
        ],
        "understood": content.understood,
    }


def write_text(report: dict[str, Any]) -> str:
    """Return the text of a report's file."""
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def _status(status: int) -> str:
    return f"{status if facts.is_status(status) else _ODD_STATUS:04X}"


def _lines(piece: Piece, texts: dict[str, str]) -> list[str]:
    """Return the lines of a piece, the first one with the words."""
    words = [piece.words, texts["replaced"] if piece.replaced else ""]
    said = ", ".join(filter(None, words))
    value = piece.value
    digits = [value[i : i + _WIDTH].hex().upper() for i in range(0, len(value), _WIDTH)]
    first = " ".join(filter(None, (piece.head.hex().upper(), *digits[:1])))
    indent = "  " * piece.depth
    return [
        f"{indent}{first}{f' | {said}' if said else ''}",
        *(f"{indent}{' ' * 4}{more}" for more in digits[1:]),
    ]
