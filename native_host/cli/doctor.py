# SPDX-License-Identifier: MIT
"""``kortilla doctor``: what works here, what does not, and what fixes it."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import (
    json_option,
    print_error,
    print_result,
    say,
)
from native_host.card.errors import CardError, CardRemovedError
from native_host.card_report import report as card_report
from native_host.card_report.reading import CardReportError, read_the_one_card
from native_host.cli.options import (
    PATH,
    Card,
    card_option,
    configured,
    lang_option,
    run_until_signal,
    spoken_language,
)
from native_host.config import Config
from native_host.doctor.card import finding_of
from native_host.doctor.examination import (
    configured_place,
    examine,
    report,
    run_command,
)
from native_host.doctor.findings import (
    Finding,
    FixBy,
    Place,
    Sentences,
    Severity,
)
from native_host.operations.environment import open_source
from native_host.pin_prompt.model import CanQuestion, Conversation
from native_host.pin_prompt.terminal import TerminalPrompt
from native_host.texts.catalogues import catalogue


@click.command()
@click.option("--fix", is_flag=True, help="Offer to run the fixes that need no root.")
@click.option("--yes", is_flag=True, help="Run them without asking; with --fix.")
@json_option
@click.option(
    "--card-report",
    metavar="FILE",
    type=PATH,
    help="Only write a report of the card for developers, without what is personal.",
)
@lang_option
@card_option
def doctor(
    *,
    fix: bool,
    yes: bool,
    card_report: Path | None,
    lang: str | None,
    card: Card | None,
) -> int:
    """Say what works and what does not, without a PIN.

    The report holds no name, no number of the card and no path: it may be handed to
    somebody who helps. The exit status is 1 when there is something to fix.
    """

    if yes and not fix:
        raise click.UsageError("--yes goes with --fix.")
    if card_report is not None:
        if fix:
            raise click.UsageError("--card-report goes without --fix.")
        return _report_card(card_report, configured(card=card), lang)
    place, config = configured_place(card)
    language = spoken_language(config, lang)
    texts = Sentences(language)
    findings = _examine(place)
    fixed = []
    if fix:
        for line in _words(findings, texts):
            say(line)
        fixed = _fix(findings, texts, yes=yes)
        if any(each["done"] for each in fixed):
            findings = _examine(place)
            say(texts["afterwards"])
    result = report(findings, language)
    print_result({**result, "fixed": fixed} if fix else result, _words(findings, texts))
    return 1 if any(each.is_fault for each in findings) else 0


def _examine(place: Place) -> list[Finding]:
    """Run the checks; a signal ends them, and with them the programs they started."""

    return run_until_signal(lambda: examine(place))


def _words(findings: list[Finding], texts: Sentences) -> Iterator[str]:

    for each in sorted(findings, key=lambda each: [*Severity].index(each.severity)):
        yield f"{texts[f'severity.{each.severity}']}: {each.sentence(texts)}"
        if each.fix is not None:
            words = texts[f"fix.{each.fix.by}"]
            yield f"  {words.format(command=each.fix.command)}"
    faults = sum(each.is_fault for each in findings)
    key = "self_check.faults" if faults else "self_check.good"
    yield texts[key].format(count=faults)


def _fix(findings: list[Finding], texts: Sentences, *, yes: bool) -> list[JsonObject]:
    """Run the commands that fix faults, each once and after asking."""

    commands = {
        each.fix.words: each.fix.command
        for each in findings
        if each.fix and each.fix.by is FixBy.DOCTOR and each.is_fault
    }
    fixed = []
    for words, command in commands.items():
        if not yes:
            if not sys.stdin.isatty():
                say(texts["not-asked"].format(command=command))
                continue
            if not click.confirm(texts["ask"].format(command=command), err=True):
                continue
        fixed.append({"command": command, "done": not run_command(words)})
    if not commands and any(each.is_fault for each in findings):
        say(texts["nothing-to-run"])
    return fixed


def _report_card(path: Path, config: Config, lang: str | None) -> int:
    """Write a report of the card, and print what it is. Return 0 if it is complete."""

    language = spoken_language(config, lang)
    texts = catalogue("card_report", language)
    report: JsonObject = {}

    def make() -> str:
        report.update(_read_card(config, texts, language))
        return card_report.write_text(report)

    try:
        card_report.write_new_file(path, make)
    except (CardReportError, CardError) as error:
        print_error(_why_not(error, texts, language), error.code)
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


def _read_card(config: Config, texts: Mapping[str, str], language: str) -> JsonObject:
    """Make the report. A signal ends it. Raises ``KeyboardInterrupt``.

    The CAN of a card on a contactless reader is asked for in the terminal. Raises
    ``PromptError`` without one, and ``UserCancelledError``.
    """

    async def make() -> JsonObject:
        prompt = TerminalPrompt()
        say(texts["reading"])
        async with open_source(config) as source:
            test_card = source.test_card

            async def ask_can(wrong: bool) -> bytearray:
                if not wrong:
                    await prompt.open(
                        Conversation("change-pin", "", language, test_card)
                    )
                return (await prompt.ask(CanQuestion(wrong=wrong))).digits

            try:
                content = await read_the_one_card(source, ask_can)
            finally:
                await prompt.close()
            return card_report.make_report(content, texts, mock_card=test_card)

    return run_until_signal(make)


def _why_not(
    error: CardReportError | CardError, texts: Mapping[str, str], language: str
) -> str:

    if isinstance(error, CardReportError):
        return texts[f"failed.{error.why}"]
    if isinstance(error, CardRemovedError):
        return texts["failed.removed"]
    return finding_of(error).sentence(Sentences(language))
