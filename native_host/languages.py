# SPDX-License-Identifier: MIT
"""The choice of the language for a person."""

import locale
import os
import re

#: The languages of every text.
SPOKEN = ("fi", "sv", "en")

#: A language tag in a request; an unsupported language falls back.
LANGUAGE_TAG = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$"

#: The start of a tag that names one of them: ``fi``, ``fi-FI``, ``fi_FI.UTF-8``.
_CODE = re.compile(r"[a-z]{2}(?![a-z])", re.ASCII | re.IGNORECASE)


def choose_language(configured: str, asked: str | None) -> str:
    """Return ``fi``, ``sv`` or ``en``.

    The order is: the person's configuration, the page's request, the system's language,
    English.
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
