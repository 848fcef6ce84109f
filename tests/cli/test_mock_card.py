# SPDX-License-Identifier: MIT
"""``kortilla mock-card``: the testers' card from the command line."""

import pytest

from native_host.mock_card.profiles import PROFILES
from native_host.mock_card.states import CardState

from .conftest import Run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "active"], "PIN1 1234, PIN2 123456, PUK 12345678."),
        (["--state", "new"], "activation code 12345678, PUK 12345678."),
        (
            ["--state", "new", "--profile", "v5-2026"],
            "activation code 1234567, PUK 12345678.",
        ),
        (
            ["--state", "partly-activated"],
            "PIN1 1234, activation code 12345678, PUK 12345678.",
        ),
        (["--state", "last-try"], "PIN1 1234, PIN2 123456, PUK 12345678."),
    ],
)
def test_a_new_card_is_told_with_what_activates_and_opens_it(
    run: Run, arguments: list[str], words: str
) -> None:
    outcome = run("mock-card", "new", *arguments)
    assert outcome.status == 0
    assert outcome.words.rstrip().endswith(words)
    assert outcome.result["state"] == arguments[1]
    assert run("mock-card", "show").result == outcome.result


@pytest.mark.parametrize("option", [["--state", "lost"], ["--profile", "v6"]])
def test_what_no_card_has_is_wrong_usage(run: Run, option: list[str]) -> None:
    outcome = run("mock-card", "new", *option)
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("option", "values"),
    [("--state", list(CardState)), ("--profile", list(PROFILES))],
)
def test_every_profile_and_state_can_be_asked_for(
    run: Run, option: str, values: list[str]
) -> None:
    # The refusal lists them all: they are named in two places, for a quick start.
    words = run("mock-card", "new", option, "?").words
    assert all(f"'{value}'" in words for value in values)
