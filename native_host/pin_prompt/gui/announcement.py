# SPDX-License-Identifier: MIT
"""What a screen reader says when a page appears."""

import re

#: More words than this are hard to follow, and delay a person who knows the page.
MOST_WORDS = 40
#: More sentences than there are in any text: names in it may look like several.
ALL = 1000
#: A space after a sentence, but not after a number with a dot.
_BETWEEN = re.compile(r"(?<=[^\d][.!?:]) ")


class Announcement:
    """Sentences of a page, as many as fit into ``MOST_WORDS``.

    The page shows all of them. Those that are needed are always said.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[list[str], int]] = []

    def add(self, words: str, *, needed: int = 0, first: bool = False) -> None:
        """Add sentences that follow each other, of which the first few are needed."""
        if words:
            where = 0 if first else len(self._parts)
            self._parts.insert(where, (_BETWEEN.split(words), needed))

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __str__(self) -> str:
        left = MOST_WORDS - sum(
            _length(sentences[:needed]) for sentences, needed in self._parts
        )
        said: list[str] = []
        for sentences, needed in self._parts:
            said += sentences[:needed]
            for sentence in sentences[needed:]:
                if (length := _length([sentence])) > left:
                    break
                left -= length
                said.append(sentence)
        return " ".join(said)


def _length(sentences: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)
