# SPDX-License-Identifier: MIT
"""The texts about readers, cards, PINs and certificates.

``operations.card_words`` chooses them. A state's texts are ``<kind>.title`` and
``<kind>.more``. What the PIN window says of a problem of a card holds here too.
"""

from datetime import datetime

from native_host.texts.catalogues import catalogue
from native_host.texts.prompt import PromptTexts

__all__ = ["CardTexts", "date"]


class CardTexts:
    """The texts of a language about cards."""

    def __init__(self, language: str) -> None:
        self._catalogue = catalogue("card", language)
        self._prompt = PromptTexts(language, "change-pin")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._catalogue

    def has_problem(self, code: str) -> bool:
        """Whether ``problem`` has more than general words for a code."""
        return f"problem.{code}.heading" in self._prompt

    def problem(self, code: str, detail: str = "") -> tuple[str, str]:
        """Return the heading and the body for an error's code."""
        return self._prompt.problem(code, detail)

    def tries(self, left: int | None, *, is_set: bool) -> str:
        """Return how many tries a PIN has left, or that it is not set yet."""
        if not is_set:
            return self("not_set")
        if left is None:
            return self("tries_unknown")
        if left == 0:
            return self("locked")
        if left == 1:
            return self._prompt("pin.left.one")
        return self._prompt("pin.left", tries=left)

    def short_tries(self, left: int) -> str:
        """Return the same in as few words as fit beside a drawing of the tries."""
        if left == 0:
            return self("locked")
        return self("tries.short.one") if left == 1 else self("tries.short", tries=left)

    @property
    def test_card(self) -> tuple[str, str]:
        """The mark of a test card, and what it means."""
        return self._prompt("mark.test_card"), self._prompt("mark.test_card.explained")


def date(when: datetime) -> str:
    """Return a day as it is written in Finland, in the computer's time zone."""
    day = when.astimezone()
    return f"{day.day}.{day.month}.{day.year}"
