# SPDX-License-Identifier: MIT
"""The host's catalogues agree in each language, and the extension's with them."""

import json
import string
from pathlib import Path

import pytest

from kortilla.common import texts
from native_host.texts.language import SPOKEN
from tools.share_texts import ROOT, message_name, shared_messages

FOLDER = ROOT / "native_host/texts"
SUBJECTS = sorted({each.parent.name for each in FOLDER.glob("*/*.json")})
#: Texts that are the same in two languages.
THE_SAME = {
    "size.byte",
    "report.program",
    *(f"settings.language.{language}" for language in SPOKEN),
}
#: The commands have their English words in the code.
WITHOUT_ENGLISH = {"commands"}
#: What the extension says in the host's words.
SHARED_BY_EXTENSION = 25


def placeholders(text: str) -> set[str]:
    return {
        name.partition(".")[0]
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }


def unique(pairs: list[tuple[str, str]]) -> dict[str, str]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def read(file: Path) -> dict[str, str]:
    found = json.loads(file.read_text("utf-8"), object_pairs_hook=unique)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("subject", sorted({*SUBJECTS} - WITHOUT_ENGLISH))
def test_a_subject_has_each_text_in_each_language(subject: str) -> None:
    assert set(texts.languages(FOLDER / subject)) == set(SPOKEN)
    english = read(FOLDER / subject / "en.json")
    shared = read(FOLDER / "shared/en.json") if subject != "shared" else {}
    assert not english.keys() & shared.keys()
    for language in SPOKEN:
        ours = read(FOLDER / subject / f"{language}.json")
        assert ours.keys() == english.keys()
        for key, text in ours.items():
            assert text.strip(), key
            assert placeholders(text) == placeholders(english[key]), key
            alike = key in THE_SAME or key.startswith("country.")
            assert language == "en" or alike or text != english[key], key


@pytest.mark.parametrize("language", SPOKEN)
def test_the_extension_has_the_shared_texts(language: str) -> None:
    file = ROOT / f"extension/_locales/{language}/messages.json"
    messages = json.loads(file.read_text("utf-8"))
    shared = shared_messages(language)
    copied = {name: messages[name]["message"] for name in shared if name in messages}
    assert copied.items() <= shared.items()
    assert len(copied) >= SHARED_BY_EXTENSION
    # No other message says what a shared text says.
    others = {name: each["message"] for name, each in messages.items()}
    assert not {*others.values()} & {
        text for name, text in shared.items() if name not in messages
    }


def test_a_shared_text_has_a_message_of_its_name() -> None:
    assert message_name("prepare-login.heading") == "prepareLoginHeading"
    assert message_name("self_check.browser_open") == "selfCheckBrowserOpen"
