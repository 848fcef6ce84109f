# SPDX-License-Identifier: MIT
"""Which of the languages a person is spoken to in."""

import locale
import os
import re

__all__ = ["LANGUAGE_TAG", "SPOKEN", "choose_language"]

#: The languages that every text exists in.
SPOKEN = ("fi", "sv", "en")

#: A language tag that may be asked for; a language that is not spoken falls back.
LANGUAGE_TAG = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$"

#: What a tag begins with that names one of them: ``fi``, ``fi-FI``, ``fi_FI.UTF-8``.
_CODE = re.compile(r"[a-z]{2}(?![a-z])", re.ASCII | re.IGNORECASE)


def choose_language(configured: str, asked: str | None) -> str:
    """Return ``fi``, ``sv`` or ``en``.

    First what the person has configured, then what the page asked for, then the
    system's language, then English.
    """
    for tag in (configured, asked, _system_language()):
        found = _CODE.match(tag or "")
        if found and (code := found[0].lower()) in SPOKEN:
            return code
    return "en"


def _system_language() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return value
    return locale.getlocale()[0] or ""
