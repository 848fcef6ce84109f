# SPDX-License-Identifier: MIT
"""How names and texts of others are shown: so that none can pass for another."""

import re
import unicodedata

__all__ = [
    "UNPRINTABLE",
    "escape_name",
    "escape_text",
    "group_digest",
    "program_display_name",
]

#: Most characters of a program's name that are shown.
MAX_PROGRAM = 40

#: Categories of what can't be shown: control, format (bidi too), surrogate, private and
#: unassigned characters, and what ends a line or paragraph.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Marks and letters that take no room, or look like a space.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    "\U00013441\U00013442\U00016fe4\U0001d159"
)
#: What separates the parts of a path, and what looks like it.
_SEPARATORS = frozenset(
    "/\\\u2044\u2215\u2216\u2571\u2572\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c"
)


def escape_name(name: str) -> str:
    """Return a document's name as it is shown, which no other name is shown as.

    What can't be seen, reorders what is seen, looks like a space without being one, or
    separates the parts of a path becomes ``\\u{202E}``, its number in hexadecimal
    digits. So do spaces at either end and after another space, and marks that stand on
    nothing or pile up on one letter.
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


def escape_text(text: str) -> str:
    """Return a text with its lines and tabs, and all else that hides itself escaped."""
    lines = text.replace("\r\n", "\n")
    return "".join(_escaped(c) if c not in "\n\t" and _garbles(c) else c for c in lines)


def program_display_name(name: str) -> str:
    """Return the name of a program as it is shown: one short line of plain characters.

    Empty where nothing of it can be seen.
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
    """Return hexadecimal digits in groups, to be compared and to wrap between them."""
    return " ".join(re.findall(".{1,8}", digest))


def _garbles(character: str) -> bool:
    code = ord(character)
    if unicodedata.category(character) in UNPRINTABLE or character in _BLANK:
        return True
    if unicodedata.category(character) == "Zs":
        return character != " "
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF  # variation selectors


def _piled(before: str) -> bool:
    """Whether a mark would be the third on one letter, or stand on what is escaped."""
    marks = [unicodedata.category(c).startswith("M") for c in before]
    last = before[-1]
    on_nothing = _garbles(last) or last in _SEPARATORS or last == " "
    return on_nothing or (len(marks) == 2 and all(marks))


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):X}}}"
