# SPDX-License-Identifier: MIT
"""Why there is no report, where it is not the card's fault."""

from enum import StrEnum

from native_host.errors import KortillaError

__all__ = ["CardReportError", "Why"]


class Why(StrEnum):
    """The reasons. Each has a sentence in ``texts``, under ``failed.``."""

    EXISTS = "exists"
    NO_FOLDER = "no-folder"
    UNWRITABLE = "unwritable"
    NO_READER = "no-reader"
    NO_CARD = "no-card"
    SEVERAL_CARDS = "several-cards"


class CardReportError(KortillaError):
    """No report can be made or written; ``why`` says what is in the way."""

    code = "REPORT_FAILED"

    def __init__(self, why: Why) -> None:
        super().__init__(f"There is no card report: {why}.")
        self.why = why
