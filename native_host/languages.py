# SPDX-License-Identifier: MIT
"""Which of the languages a person is spoken to in."""

import locale
import os

__all__ = ["SPOKEN", "choose_language"]

#: The languages that every text exists in.
SPOKEN = ("fi", "sv", "en")


def choose_language(configured: str, asked: str | None) -> str:
    """Return ``fi``, ``sv`` or ``en``.

    First what the person has configured, then what the page asked for, then the
    system's language, then English.
    """
    for tag in (configured, asked, _system_language()):
        code = (tag or "").replace("_", "-").split("-")[0].lower()
        if code in SPOKEN:
            return code
    return "en"


def _system_language() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return value.split(".")[0]
    return locale.getlocale()[0] or ""
