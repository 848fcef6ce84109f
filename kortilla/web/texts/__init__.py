# SPDX-License-Identifier: MIT
"""The texts for people, one JSON file for each language."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

__all__ = ["DEFAULT_LANGUAGE", "catalogue", "choose_language", "languages"]

DEFAULT_LANGUAGE = "en"


@cache
def languages(package: str = __name__) -> tuple[str, ...]:
    """Return the languages that have a catalogue, as two letters."""
    return tuple(
        sorted(
            file.name.removesuffix(".json")
            for file in resources.files(package).iterdir()
            if file.name.endswith(".json")
        )
    )


@cache
def catalogue(language: str, package: str = __name__) -> Mapping[str, str]:
    """Return the texts of one language, by key. Raises ``KeyError`` if it is none."""
    if language not in languages(package):
        raise KeyError(language)
    file = resources.files(package) / f"{language}.json"
    return MappingProxyType(json.loads(file.read_text(encoding="utf-8")))


def choose_language(
    accept_language: str, available: tuple[str, ...] | None = None
) -> str:
    """Choose a language by an Accept-Language header (RFC 9110 §12.5.4).

    Invalid parts are skipped. English is the default.
    """
    available = available or languages()
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
