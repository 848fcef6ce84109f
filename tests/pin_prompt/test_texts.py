# SPDX-License-Identifier: MIT
"""The catalogues say the same in each language, with the authority's words."""

import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.card.errors import CardError, CardKind
from native_host.languages import SPOKEN
from native_host.pin_prompt import texts
from native_host.pin_prompt.questions import Problem, Step

FOLDER = Path(texts.__file__).parent
CATALOGUES: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")
}
EACH = pytest.mark.parametrize("language", sorted(CATALOGUES))

#: Words that a thing is called by (the authority's), and what it is never called.
TERMS = {
    "fi": ["perustunnusluku (PIN1)", "sähköinen asiointitunnus (SATU)"],
    "sv": ["grundläggande kod, baskod (PIN1)", "elektronisk kommunikationskod (SATU)"],
    "en": ["basic PIN (PIN1)", "electronic client identifier (SATU)"],
}
NEVER = re.compile(
    r"henkilötunnu|personbeteckning|personal identity|kirjaud|logga in|log in"
    r"|allekirjoita\b|underteckna|\bsign\b",
    re.IGNORECASE,
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def codes(kind: type[CardError] = CardError) -> Iterator[str]:
    yield kind.code
    for narrower in kind.__subclasses__():
        yield from codes(narrower)


def test_there_is_a_catalogue_for_each_language_spoken() -> None:
    assert set(SPOKEN) == set(texts.languages()) == set(CATALOGUES)


@EACH
def test_the_catalogues_have_the_same_keys_and_placeholders(language: str) -> None:
    ours, english = CATALOGUES[language], CATALOGUES["en"]
    assert ours.keys() == english.keys()
    for key, text in ours.items():
        assert placeholders(text) == placeholders(english[key]), key


@EACH
def test_no_text_is_empty_or_left_in_english(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        assert text.strip(), key
        assert language == "en" or text != CATALOGUES["en"][key], key


@EACH
def test_no_key_stands_twice(language: str) -> None:
    def pairs(found: list[tuple[str, str]]) -> dict[str, str]:
        assert len({key for key, _ in found}) == len(found)
        return dict(found)

    path = FOLDER / f"{language}.json"
    json.loads(path.read_text("utf-8"), object_pairs_hook=pairs)


@EACH
def test_things_have_the_names_that_the_authority_gives_them(language: str) -> None:
    everything = "\n".join(CATALOGUES[language].values()).casefold()
    for term in TERMS[language]:
        assert term.casefold() in everything
    for key, text in CATALOGUES[language].items():
        assert not NEVER.search(text), key


def test_the_finnish_consent_is_the_model_text() -> None:
    assert CATALOGUES["fi"]["authenticate.consent"] == (
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle."
    )


@EACH
def test_what_happened_and_what_to_do_are_full_sentences(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        if key.endswith((".body", ".named")) and key != "step.done.body":
            assert text.endswith("."), key
            assert text.count(". ") >= 1 or key.startswith("step."), key


@EACH
def test_each_step_has_a_text(language: str) -> None:
    text = texts.load(language)
    for step in Step:
        assert text(f"step.{step}.heading")
        assert text(f"step.{step}.body")


@EACH
@pytest.mark.parametrize("code", sorted(set(codes()) - {"WRONG_PIN"}))
def test_each_error_of_the_card_has_a_text_of_its_own(language: str, code: str) -> None:
    general = texts.load(language)("problem.other.heading")
    assert texts.load(language).problem(Problem(code))[0] != general


@EACH
def test_a_code_without_a_text_gets_a_general_one(language: str) -> None:
    text = texts.load(language)
    assert text.problem(Problem("FULL_MOON", "waxing")) == (
        text("problem.other.heading"),
        text("problem.other.body"),
    )


@EACH
@pytest.mark.parametrize("kind", [kind for kind in CardKind if kind])
def test_each_card_that_will_not_do_is_named(language: str, kind: CardKind) -> None:
    _, body = texts.load(language).problem(Problem("UNSUPPORTED_CARD", kind))
    if kind is CardKind.CONTACTLESS:
        assert body.startswith(("Kortti on nyt", "Kortet ligger nu", "The card is now"))
    else:
        assert kind not in body or language == "en"
        assert CATALOGUES[language][f"kind.{kind}"] in body


def test_a_card_of_an_unknown_name_is_named_as_it_is() -> None:
    _, body = texts.load("en").problem(Problem("UNSUPPORTED_CARD", "library{card}\n"))
    assert "library{card}\N{REPLACEMENT CHARACTER}" in body


def test_an_unknown_language_is_english() -> None:
    assert texts.load("se")("cancel") == "Cancel"
    assert texts.load("../texts/fi")("cancel") == "Cancel"


@pytest.mark.parametrize(
    "hostile", ["\x1b", "\u202e", "\u200b", "\n", "\u2028", "\ue000"]
)
def test_what_could_garble_the_screen_is_replaced(hostile: str) -> None:
    assert texts.printable(f"A{hostile}B") == "A\N{REPLACEMENT CHARACTER}B"
    assert texts.printable("Åsa-Mäki O’Neil") == "Åsa-Mäki O’Neil"
