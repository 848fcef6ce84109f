# SPDX-License-Identifier: MIT
"""The rules for codes and their texts, for every card in every language."""

import pytest

from native_host.pin_prompt import codes, texts
from native_host.pin_prompt.model import CodeField
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    NEW_PIN1,
    OLD_PIN,
    PUK,
    SEVEN,
    a_codes_question,
)

EIGHT = CodeField("activation", (8,))
EITHER = CodeField("activation", (7, 8))


@pytest.mark.parametrize(
    "pin",
    [
        *("1234", "4321", "7890", "0987", "1111", "000000", "123456", "87654321"),
        *("2468", "9753", "1122", "112233", "1212", "123123", "12341234"),
        *("2412", "1984", "2007"),
        *("240584", "840524", "24051984", "19840524", "290200"),
    ],
)
def test_a_pin_that_is_tried_first_is_easy_to_guess(pin: str) -> None:
    assert codes.is_easy_to_guess(pin.encode())
    assert codes.is_easy_to_guess(bytearray(pin, "ascii"))


@pytest.mark.parametrize(
    "pin", ["2580", "3947", "4907", "739146", "993184", "24851984", "38471059"]
)
def test_any_other_pin_is_not(pin: str) -> None:
    assert not codes.is_easy_to_guess(pin.encode())


@EACH_LANGUAGE
@pytest.mark.parametrize(
    ("field", "typed"), [(SEVEN, 8), (EIGHT, 7), (SEVEN, 6), (EIGHT, 9)]
)
def test_a_code_of_the_other_scheme_is_explained(
    language: str, field: CodeField, typed: int
) -> None:
    words = codes.length_error(field, typed, texts.load(language, "activate"))
    assert str(field.lengths[0]) in words
    assert str(typed) in words
    assert NOTHING_SENT[language] in words


NOTHING_SENT = {
    "fi": "Kortille ei lähetetty mitään.",
    "sv": "Ingenting skickades till kortet.",
    "en": "Nothing was sent to the card.",
}


@EACH_LANGUAGE
@pytest.mark.parametrize("field", [EITHER, PUK, OLD_PIN, NEW_PIN1])
@pytest.mark.parametrize("typed", [0, 3, 13])
def test_a_code_that_is_too_short_or_too_long_is_explained(
    language: str, field: CodeField, typed: int
) -> None:
    words = codes.length_error(field, typed, texts.load(language, "unblock"))
    assert NOTHING_SENT[language] in words


def test_what_fits_has_no_fault() -> None:
    text = texts.load("en", "activate")
    for field in (SEVEN, EIGHT, EITHER, PUK, OLD_PIN, NEW_PIN1):
        assert [codes.length_error(field, typed, text) for typed in field.lengths] == (
            [""] * len(field.lengths)
        )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (SEVEN, "7 digits"),
        (EITHER, "7 or 8 digits"),
        (NEW_PIN1, "4–8 digits"),
        (PUK, "8–12 digits"),
    ],
)
def test_the_number_of_digits_is_said(field: CodeField, words: str) -> None:
    assert codes.length_text(field, texts.load("en")) == words


@EACH_LANGUAGE
@pytest.mark.parametrize(
    ("operation", "pin", "at_risk"),
    [
        ("activate", "", "PIN1"),
        ("activate", "", "PIN2"),
        ("activate", "", "PUK"),
        ("change-pin", "PIN1", "PIN1"),
        ("change-pin", "PIN2", "PIN2"),
        ("unblock", "PIN1", "PUK"),
        ("unblock", "PIN2", "PUK"),
    ],
)
def test_tries_and_their_cost_are_always_said(
    language: str, operation: str, pin: str, at_risk: str
) -> None:
    text = texts.load(language, operation, pin)
    for tries in range(1, 6):
        question = a_codes_question(
            operation=operation, pin=pin, at_risk=at_risk, tries_left=tries
        )
        said = " ".join(codes.status(question, text))
        cost = text(f"{'last_try' if tries == 1 else 'cost'}.{at_risk}")
        assert cost in said
        assert tries < 3 or str(tries) in said
        lost = {"fi": "uuden kortin", "sv": "nytt kort", "en": "a new card"}
        assert (at_risk == "PUK") is (lost[language] in said)
        assert at_risk == "PUK" or f"({at_risk})" in said


@EACH_LANGUAGE
@pytest.mark.parametrize("change", ["wrong", "repeated", "in_doubt"])
def test_what_became_of_the_last_code_comes_first(language: str, change: str) -> None:
    text = texts.load(language, "unblock", "PIN1")
    question = a_codes_question(operation="unblock", at_risk="PUK", **{change: True})
    assert codes.status(question, text)[0] == text(change)


@EACH_LANGUAGE
def test_what_is_set_already_is_said(language: str) -> None:
    text = texts.load(language, "activate")
    said = codes.instructions(a_codes_question(done=("PIN1",)), text, by_itself=True)
    assert text("done.PIN1") in said
    assert text("done.PIN2") not in said


@EACH_LANGUAGE
def test_activation_is_said_to_be_proven_on_a_test_card_only(language: str) -> None:
    text = texts.load(language, "activate")
    question = a_codes_question()
    assert text("unproven") in codes.instructions(question, text, by_itself=True)
    # The offer has just shown this text.
    assert text("unproven") not in codes.instructions(question, text, by_itself=False)
    other = texts.load(language, "unblock", "PIN1")
    assert "unproven" not in other
