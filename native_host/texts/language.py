# SPDX-License-Identifier: MIT
"""The choice of the language for a person."""

import os

#: The languages of every text.
SPOKEN = ("fi", "sv", "en")

#: A language tag in a request; an unsupported language falls back.
LANGUAGE_TAG = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$"


def choose_language(configured: str, asked: str | None) -> str:
    """Return ``fi``, ``sv`` or ``en``.

    The order is: the person's configuration, the page's request, the system's language,
    English.
    """
    for tag in (configured, asked, _system_language()):
        # The start of a tag: ``fi``, ``fi-FI``, ``fi_FI.UTF-8``; not ``fil``.
        code, following = (tag or "")[:2].lower(), (tag or "")[2:3]
        if code in SPOKEN and not following.isalpha():
            return code
    return "en"


def _system_language() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return value
    return ""
