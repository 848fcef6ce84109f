# SPDX-License-Identifier: MIT
"""The window's catalogues agree in each language, and keep to the words."""

import json
import string
from pathlib import Path

import pytest

from native_host.desktop import texts
from native_host.texts.language import SPOKEN

FOLDER = Path(texts.__file__).parent
CATALOGUES: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")
}
EACH = pytest.mark.parametrize("language", SPOKEN)
#: Texts that are the same in two languages.
THE_SAME = {
    *(f"settings.language.{language}" for language in SPOKEN),
}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@EACH
def test_the_catalogues_have_the_same_keys_and_placeholders(language: str) -> None:
    ours, english = CATALOGUES[language], CATALOGUES["en"]
    assert set(CATALOGUES) == set(SPOKEN)
    assert list(ours) == sorted(english)
    for key, text in ours.items():
        assert text.strip(), key
        assert placeholders(text) == placeholders(english[key]), key
        same = text == english[key]
        assert language == "en" or not same or key in THE_SAME, key
