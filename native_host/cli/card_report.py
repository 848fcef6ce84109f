# SPDX-License-Identifier: MIT
"""``kortilla doctor --card-report``: a report of the card, in a file of its owner's."""

import asyncio
import signal
from pathlib import Path
from typing import Any

from kortilla.common.command_output import print_error, print_result, say
from native_host.card.errors import CardError, CardRemovedError
from native_host.card_report.errors import CardReportError
from native_host.card_report.making import card_report
from native_host.card_report.new_file import check_new_file, write_new_file
from native_host.card_report.report import catalogue, write_text
from native_host.config import Config
from native_host.doctor.card import finding_of
from native_host.doctor.findings import catalogue as doctors_catalogue
from native_host.environment import open_source
from native_host.hardening import harden
from native_host.languages import choose_language

__all__ = ["write_card_report"]


def write_card_report(path: Path, config: Config, lang: str | None) -> int:
    """Write the report, print what it is, and return the exit status.

    The status is 0 for a complete report.
    """
    harden()
    language = choose_language(config.language, lang)
    texts = catalogue(language)
    try:
        check_new_file(path)
        report = _read(config, texts)
        write_new_file(path, write_text(report))
    except (CardReportError, CardError) as error:
        words = _words(error, texts, language)
        print_error(words, error.code)
        return 1
    told = ("complete", "stopped", "mockCard")
    print_result(
        {"cardReport": {name: report[name] for name in told}},
        [
            texts["written" if report["complete"] else "written-partly"],
            texts["read-it"].format(file=path),
        ],
    )
    return 0 if report["complete"] else 1


def _read(config: Config, texts: dict[str, str]) -> dict[str, Any]:
    """Make the report. A signal ends it. Raises ``KeyboardInterrupt``."""

    async def main() -> dict[str, Any]:
        async def read() -> dict[str, Any]:
            async with open_source(config) as source:
                return await card_report(source, texts)

        run = asyncio.ensure_future(read())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, run.cancel)
        say(texts["reading"])
        return await run

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _words(
    error: CardReportError | CardError, texts: dict[str, str], language: str
) -> str:
    if isinstance(error, CardReportError):
        return texts[f"failed.{error.why}"]
    if isinstance(error, CardRemovedError):
        return texts["failed.removed"]
    return finding_of(error).sentence(doctors_catalogue(language))
