# SPDX-License-Identifier: MIT
"""The texts of the window: a catalogue ``texts/<language>.json`` per language."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kortilla.common.texts import catalogue
from native_host.card.errors import CardKind
from native_host.pin_prompt.model import Problem
from native_host.pin_prompt.texts import load

if TYPE_CHECKING:
    from native_host.operations.card_state import CardState
    from native_host.operations.card_status import Failure

__all__ = ["Texts", "date"]

_FOLDER = Path(__file__).parent


class Texts:
    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(_FOLDER, language)
        # What the PIN window says of a card's problem holds here too.
        self._prompt = load(language, "change-pin")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def problem(self, code: str, detail: str = "") -> tuple[str, str]:
        """Return the heading and the body for a card's or a reader's problem."""
        return self._prompt.problem(Problem(code, detail))

    def failure(self, told: Failure) -> tuple[str, str]:
        """Return the same for a card that could not be read."""
        kind = told.get("kind", "")
        if kind == CardKind.CONTACTLESS.name:
            title = self("card.contactless.title").removesuffix(".")
            return title, self("card.contactless.more")
        known = kind in CardKind.__members__
        return self.problem(told["code"], CardKind[kind].value if known else "")

    def state(self, state: CardState) -> tuple[str, str]:
        """Return the title and the text for a card's state. The latter may be empty."""
        if state.problem:
            return self.problem(state.problem)
        # What to do does not depend on the PIN.
        more = re.sub(r"\.pin[12s]_", ".", state.key)
        return self(f"{state.key}.title"), self._catalogue.get(f"{more}.more", "")

    def valid(self, end: datetime) -> str:
        """Return until when a card is valid, in the computer's time zone."""
        return self("card.valid", date=date(end))

    def tries(self, left: int | None, *, is_set: bool) -> str:
        """Return how many tries a PIN has left, or that it is not set yet."""
        if not is_set:
            return self("card.not_set")
        if left is None:
            return self("card.tries_unknown")
        if left == 0:
            return self("card.locked")
        if left == 1:
            return self._prompt("pin.left.one")
        return self._prompt("pin.left", tries=left)

    def size(self, count: int) -> str:
        return self._prompt.size(count)

    @property
    def test_card(self) -> tuple[str, str]:
        """The mark of a test card, and what it means."""
        return self._prompt("mark.test_card"), self._prompt("mark.test_card.explained")

    @property
    def not_official(self) -> str:
        """That the program is not an authority's."""
        return self._prompt("not_official")


def date(when: datetime) -> str:
    """Return a day as it is written in Finland, in the computer's time zone."""
    day = when.astimezone()
    return f"{day.day}.{day.month}.{day.year}"
