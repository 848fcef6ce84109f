# SPDX-License-Identifier: MIT
"""The texts for people: catalogues, one JSON file of a folder for each language.

A new language is a new file. ``escaping`` is for what texts quote from elsewhere.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

#: The language of those whose own has no catalogue.
DEFAULT_LANGUAGE = "en"
#: How the key of a text ends that takes another one's place on Windows.
_WINDOWS = ".windows"


@cache
def languages(folder: Path) -> tuple[str, ...]:
    """Return the languages that have a catalogue in a folder, as two letters."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def catalogue(folder: Path, language: str) -> Mapping[str, str]:
    """Return the texts of a language by key, or the English ones if it has none."""
    known = language in languages(folder)
    return _read(folder / f"{language if known else DEFAULT_LANGUAGE}.json")


@cache
def _read(file: Path) -> Mapping[str, str]:
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    if sys.platform == "win32":
        own = [key for key in texts if key.endswith(_WINDOWS)]
        texts |= {key.removesuffix(_WINDOWS): texts[key] for key in own}
    return MappingProxyType(texts)


def choose_language(accept_language: str, available: Sequence[str]) -> str:
    """Choose a language by an Accept-Language header (RFC 9110 §12.5.4).

    Invalid parts are skipped. English is the default.
    """
    best, best_weight = DEFAULT_LANGUAGE, 0.0
    for part in accept_language[:1000].split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if primary in available and best_weight < weight <= 1:
            best, best_weight = primary, weight
    return best
