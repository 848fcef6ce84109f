# SPDX-License-Identifier: MIT
"""Escapes names and texts from outside, so that none can pass for another."""

import re
import unicodedata
from pathlib import Path

#: Most characters of a program's name that are shown.
MAX_PROGRAM = 40

#: Categories of characters that are never shown: control, format (bidirectional ones
#: too), surrogate, private and unassigned characters, line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Marks and letters without a width, or that look like a space.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    "\U00013441\U00013442\U00016fe4\U0001d159"
)
#: Path separators, and characters that look like them.
_SEPARATORS = frozenset(
    "/\\\u2044\u2215\u2216\u2571\u2572\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c"
)


def printable(text: str) -> str:
    """Return a text from a card without characters that could garble or reorder it.

    Control and format characters, including bidirectional ones, become U+FFFD.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNPRINTABLE else c
        for c in text
    )


def escape_name(name: str) -> str:
    """Return a document's name as it is shown; no two names are shown the same.

    A character that is invisible, reorders text, looks like a space or separates the
    parts of a path becomes its hexadecimal number, as in ``\\u{202E}``. The same
    applies to a space at either end or after another space, to a mark without a
    letter, and to the third mark on one letter.
    """
    shown = ""
    for index, character in enumerate(name):
        before = name[max(index - 2, 0) : index]
        if character == " ":
            plain = 0 < index < len(name) - 1 and name[index - 1] != " "
        elif unicodedata.category(character).startswith("M"):
            plain = not _garbles(character) and bool(before) and not _piled(before)
        else:
            plain = not _garbles(character) and character not in _SEPARATORS
        shown += character if plain else _escaped(character)
    return shown


def shown_path(path: Path) -> str:
    """Return a path as it is shown: its parts are escaped, so that none misleads."""
    parts = [part if part == path.anchor else escape_name(part) for part in path.parts]
    return str(Path(*parts)) if parts else "."


def file_name(name: str) -> str:
    """Return a name for a new file, which is shown as it is.

    Each character that ``escape_name`` escapes anywhere becomes ``_``, and a space of
    another kind a space.
    """
    return "".join(
        " "
        if unicodedata.category(c) == "Zs"
        else "_"
        if _garbles(c) or c in _SEPARATORS
        else c
        for c in name
    )


def escape_text(text: str) -> str:
    """Return a text with invisible characters escaped, except line ends and tabs."""
    lines = text.replace("\r\n", "\n")
    return "".join(_escaped(c) if c not in "\n\t" and _garbles(c) else c for c in lines)


def program_display_name(name: str) -> str:
    """Return a program's name as it is shown: one short line of plain characters.

    Returns an empty string if no character is visible.
    """
    plain = "".join(
        "\N{REPLACEMENT CHARACTER}"
        if _garbles(c) or unicodedata.category(c).startswith("M")
        else c
        for c in unicodedata.normalize("NFC", name)
    )
    shown = " ".join(plain.split())[:MAX_PROGRAM].rstrip()
    return shown if shown.strip("\N{REPLACEMENT CHARACTER} ") else ""


def group_digest(digest: str) -> str:
    """Return hexadecimal digits in groups of eight, which are easier to compare."""
    return " ".join(re.findall(".{1,8}", digest))


def _garbles(character: str) -> bool:
    code = ord(character)
    if unicodedata.category(character) in _UNPRINTABLE or character in _BLANK:
        return True
    if unicodedata.category(character) == "Zs":
        return character != " "
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF  # variation selectors


def _piled(before: str) -> bool:
    """Return whether a mark is the third on one letter, or follows no letter."""
    marks = [unicodedata.category(c).startswith("M") for c in before]
    last = before[-1]
    on_nothing = _garbles(last) or last in _SEPARATORS or last == " "
    return on_nothing or (len(marks) == 2 and all(marks))


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):X}}}"
