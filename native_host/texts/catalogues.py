# SPDX-License-Identifier: MIT
"""The loader of the host's catalogues.

It is apart from the choice of the language, which entry points need before they close
their memory.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from kortilla.common import texts

_FOLDER = Path(__file__).parent


@cache
def catalogue(subject: str, language: str) -> Mapping[str, str]:
    """Return the texts of a subject, with the shared ones, by key.

    They are the English ones for a language without a catalogue.
    """
    return {**own_texts("shared", language), **own_texts(subject, language)}


def own_texts(subject: str, language: str) -> Mapping[str, str]:
    """Return the texts of a subject without the shared ones."""
    return texts.catalogue(_FOLDER / subject, language)
