# SPDX-License-Identifier: MIT
"""``kortilla doctor``: what works here, what does not, and what mends it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kortilla.common.command_output import json_option, print_result, say
from native_host.cli.options import Card, card_option, configured

if TYPE_CHECKING:
    from native_host.doctor.findings import Finding, Place


@click.command()
@click.option("--fix", is_flag=True, help="Offer to run what mends and needs no root.")
@click.option("--yes", is_flag=True, help="Run it without asking; with --fix.")
@json_option
@click.option(
    "--card-report",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Only write a report of the card for developers, without what is personal.",
)
@click.option("--lang", help="The language to speak: fi, sv or en.")
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
    somebody who helps. The exit status is 1 when there is something to mend.
    """
    from native_host.doctor.examination import configured_place, report
    from native_host.doctor.findings import catalogue
    from native_host.languages import choose_language

    if yes and not fix:
        raise click.UsageError("--yes goes with --fix.")
    if card_report is not None:
        if fix:
            raise click.UsageError("--card-report goes without --fix.")
        from native_host.cli.card_report import write_card_report

        config = configured(card=card)
        return write_card_report(card_report, config, lang)
    place, config = configured_place(card)
    language = choose_language(config.language, lang)
    texts = catalogue(language)
    findings = _examine(place)
    mended = []
    if fix:
        for line in _words(findings, texts):
            say(line)
        mended = _mend(findings, texts, yes=yes)
        if any(each["done"] for each in mended):
            findings = _examine(place)
            say(texts["afterwards"])
    result = report(findings, language)
    print_result(
        {**result, "mended": mended} if fix else result, _words(findings, texts)
    )
    return 1 if any(each.is_fault for each in findings) else 0


def _examine(place: Place) -> list[Finding]:
    """Run the checks; a signal ends them, and with them the programs they started."""
    from native_host.doctor.examination import examine

    async def main() -> list[Finding]:
        run = asyncio.ensure_future(examine(place))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, run.cancel)
        return await run

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _words(findings: list[Finding], texts: dict[str, str]) -> Iterator[str]:
    from native_host.doctor.findings import Severity

    for each in sorted(findings, key=lambda each: [*Severity].index(each.severity)):
        yield f"{texts[f'severity.{each.severity}']}: {each.sentence(texts)}"
        if each.mend is not None:
            words = texts[f"mend.{each.mend.by}"]
            yield f"  {words.format(command=each.mend.command)}"
    faults = sum(each.is_fault for each in findings)
    yield texts["faults" if faults else "no-faults"].format(count=faults)


def _mend(
    findings: list[Finding], texts: dict[str, str], *, yes: bool
) -> list[dict[str, Any]]:
    """Run the commands that mend faults, each once and after asking."""
    from native_host.doctor.findings import MendBy
    from native_host.doctor.mending import run_command

    commands = {
        each.mend.words: each.mend.command
        for each in findings
        if each.mend and each.mend.by is MendBy.DOCTOR and each.is_fault
    }
    mended = []
    for words, command in commands.items():
        if not yes:
            if not sys.stdin.isatty():
                say(texts["not-asked"].format(command=command))
                continue
            if not click.confirm(texts["ask"].format(command=command), err=True):
                continue
        mended.append({"command": command, "done": not run_command(words)})
    if not commands and any(each.is_fault for each in findings):
        say(texts["nothing-to-run"])
    return mended
