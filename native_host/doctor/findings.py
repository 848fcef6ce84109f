# SPDX-License-Identifier: MIT
"""What a check finds, and the sentence for it in each language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kortilla.common import JsonObject
from native_host.operations.card_state import CardState
from native_host.operations.card_words import state_words
from native_host.texts import catalogues
from native_host.texts.card import CardTexts


class Severity(StrEnum):
    """How much a finding matters, the worst first. ``INFO`` is no fault."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class FixBy(StrEnum):
    """Who runs a command: ``kortilla doctor --fix``, the person, or root."""

    DOCTOR = "doctor"
    PERSON = "person"
    ROOT = "root"


@dataclass(frozen=True)
class Fix:
    """A command that fixes a finding. One of Kortilla's begins with ``kortilla``."""

    words: tuple[str, ...]
    by: FixBy

    @property
    def command(self) -> str:
        """The command as one types it; no word of it needs a quote."""
        return " ".join(self.words)


class Sentences(dict[str, str]):
    """The sentences of a language by code. ``card`` says what a card's state is."""

    def __init__(self, language: str) -> None:
        super().__init__(catalogues.catalogue("checks", language))
        self.card = CardTexts(language)


@dataclass(frozen=True)
class Finding:
    """One thing that was found. ``details`` fill the placeholders of its sentence.

    ``reader`` and ``holder`` say whose card of several it is about. They are for the
    person only: a report has the reader among the details, without its serial number.
    """

    code: str
    severity: Severity
    details: Mapping[str, str] = field(default_factory=dict)
    fix: Fix | None = None
    reader: str = ""
    holder: str = ""
    #: What the finding says of a reader or a card.
    state: CardState | None = None

    @property
    def is_fault(self) -> bool:
        """Whether there is something to fix."""
        return self.severity is not Severity.INFO

    def sentence(self, texts: Sentences) -> str:
        """Return what a catalogue says of it.

        A detail such as ``card`` may have words of its own, under ``check.card``.
        """
        details = {
            name: texts.get(f"{name}.{value}", value)
            for name, value in self.details.items()
        }
        if self.state is None:
            words = texts[self.code].format(**details)
        else:
            said = state_words(self.state, texts.card)
            words = f"{said['title']} {said['more']}".strip()
        return f"{details['reader']}: {words}" if self.reader else words

    def as_json(self, texts: Sentences) -> JsonObject:
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.sentence(texts),
            "details": dict(self.details),
            "fix": self.fix and {"command": self.fix.command, "by": self.fix.by.value},
        }


@dataclass(frozen=True)
class Place:
    """Where the checks look.

    ``card`` and ``prompt`` are the configured ones, and ``config_broken`` says that the
    configuration can't be read. ``root`` is where the system's own places begin.
    """

    card: str = "pcsc"
    prompt: str = "window"
    config_broken: bool = False
    root: Path = Path("/")


def error(code: str, /, fix: Fix | None = None, **details: str) -> Finding:
    """Return a finding that keeps the card from being used."""
    return Finding(code, Severity.ERROR, details, fix)


def warning(code: str, /, fix: Fix | None = None, **details: str) -> Finding:
    """Return a finding that keeps a part from working, or may."""
    return Finding(code, Severity.WARNING, details, fix)


def info(code: str, /, fix: Fix | None = None, **details: str) -> Finding:
    return Finding(code, Severity.INFO, details, fix)


def kortilla(*words: str) -> Fix:
    """Return a command of ``kortilla`` that asks nothing and sends no PIN."""
    return Fix(("kortilla", *words), FixBy.DOCTOR)


def person(*words: str) -> Fix:
    """Return a command of ``kortilla`` that asks the person for a PIN or a code."""
    return Fix(("kortilla", *words), FixBy.PERSON)


def administrator(*words: str) -> Fix:
    return Fix(words, FixBy.ROOT)
