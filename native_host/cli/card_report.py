# SPDX-License-Identifier: MIT
"""``kortilla doctor --card-report``: a report of the card, in a file of its owner's."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kortilla.common.command_output import print_error, print_result, say
from native_host.card.errors import CardError, CardRemovedError
from native_host.card_report.reading import CardReportError, read_the_one_card
from native_host.card_report.report import catalogue, make_report, write_text
from native_host.config import Config
from native_host.doctor.card import finding_of
from native_host.doctor.findings import catalogue as doctors_catalogue
from native_host.environment import open_source
from native_host.hardening import harden
from native_host.languages import choose_language

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_card_report(path: Path, config: Config, lang: str | None) -> int:
    """Write the report, print what it is, and return the exit status.

    The status is 0 for a complete report.
    """
    harden()
    language = choose_language(config.language, lang)
    texts = catalogue(language)
    report: dict[str, Any] = {}

    def make() -> str:
        report.update(_read(config, texts))
        return write_text(report)

    try:
        write_new_file(path, make)
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


def write_new_file(path: Path, make: Callable[[], str]) -> None:
    """Create a file that only its owner can read, and write into it what ``make`` does.

    It is deleted if that fails. Raises ``CardReportError``, also if anything has that
    name, such as a broken link.
    """
    with _explained():
        descriptor = os.open(path, _NEW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            text = make()
            with _explained():
                file.write(text)
                file.flush()
                os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise CardReportError("exists") from None
    except (FileNotFoundError, NotADirectoryError):
        raise CardReportError("no-folder") from None
    except (OSError, ValueError) as error:
        raise CardReportError("unwritable") from error


def _read(config: Config, texts: dict[str, str]) -> dict[str, Any]:
    """Make the report. A signal ends it. Raises ``KeyboardInterrupt``."""

    async def main() -> dict[str, Any]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        say(texts["reading"])
        async with open_source(config) as source:
            content = await read_the_one_card(source)
            return make_report(content, texts, mock_card=source.test_card)

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
