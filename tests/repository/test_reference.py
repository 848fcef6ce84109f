# SPDX-License-Identifier: MIT
"""The reference and the schema of reports match the code."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate

from kortilla.signing.verification import (
    CODES,
    Problem,
    SignatureReport,
    Verdict,
)
from native_host.config import Config
from native_host.doctor.card import _CODES
from native_host.doctor.findings import Sentences
from native_host.files import words
from native_host.files.report_fields import Report
from tests.repository.test_documentation import prose

_SECTION = re.compile(r"^### (.+)$", re.MULTILINE)
#: The paragraph of a command's options.
_OPTIONS = re.compile(r"^Options: (.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
_HELP = {"--help", "--version"}


@pytest.fixture(scope="module")
def command_line(texts: dict[str, str]) -> dict[str, str]:
    """The page of the command line by its sections, one per command."""
    _, *parts = _SECTION.split(prose(texts["docs/reference/command-line.md"]))
    return {
        name: re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that has an action, with its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            yield from commands(f"{name} {word}", below)
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command


#: The modules of the commands that ``native_host.cli`` starts.
_COMMANDS = {"kortilla": "native_host.cli.program", "kortilla-server": "kortilla.cli"}


def options(command: click.Command) -> set[str]:
    """Return the options of a command, by their long names."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    } - _HELP


def test_the_command_line_is_described_as_it_is(
    texts: dict[str, str], command_line: dict[str, str]
) -> None:
    scripts = tomllib.loads(texts["pyproject.toml"])["project"]["scripts"]
    there: dict[str, set[str]] = {}
    assert set(scripts) == set(_COMMANDS)
    for name, module_name in _COMMANDS.items():
        module = importlib.import_module(module_name)
        [group] = (each for each in vars(module).values() if _is_group(each))
        there |= {words: options(each) for words, each in commands(name, group)}
    assert len(there) > 15
    told = {
        words: {*re.findall(r"`(--[a-z0-9-]+)`", "".join(_OPTIONS.findall(text)))}
        | {"--json"}
        for words, text in command_line.items()
    }
    assert told == there


def _is_group(value: object) -> bool:
    return isinstance(value, click.Group)


def test_the_keys_of_the_configuration_are_described(texts: dict[str, str]) -> None:
    page = texts["docs/reference/command-line.md"]
    [table] = re.findall(r"^\| key \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(Config._fields)


def test_the_findings_of_the_doctor_are_described(
    command_line: dict[str, str],
) -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \|", command_line["kortilla doctor"], re.M)
    told = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    sentences = {key for key in Sentences("en") if key.isupper()}
    assert sorted(told) == sorted(sentences | {*_CODES.values(), "CARD_UNREADABLE"})


def test_facts_say_how_sure_they_are_in_the_words_that_are_explained(
    texts: dict[str, str],
) -> None:
    pages = {
        name: text for name, text in texts.items() if name.startswith("docs/reference/")
    }
    explained = set(
        re.findall(r"^\| (`\[.+?\]`) \|", pages["docs/reference/README.md"], re.M)
    )
    assert len(explained) == 7
    used = {
        mark for text in pages.values() for mark in re.findall(r"`\[[a-z ]+\]`", text)
    }
    assert used == explained


SCHEMA = "docs/reference/verification-report.schema.json"


def test_each_code_has_a_sub_indication_that_the_standard_allows() -> None:
    """pyHanko has the same tables. Beside TOTAL-FAILED its release lacks EXPIRED."""
    allowed: dict[Verdict, set[str | None]] = {
        Verdict.VALID: {None},
        Verdict.NOT_VALID: {*AdESFailure.__members__, "EXPIRED"},
        Verdict.CANT_SAY: {*AdESIndeterminate.__members__},
    }
    for code in CODES:
        problem = Problem(code)
        assert problem.sub_indication in allowed[problem.verdict], code


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_each_code_and_each_value_has_a_sentence(language: str) -> None:
    texts = set(words.load(language))
    assert set(CODES) <= texts
    for verdict in Verdict:
        assert {f"verdict.{verdict}", f"signature.{verdict}"} <= texts
    hints = get_type_hints(SignatureReport)
    assert {f"time.{each}" for each in get_args(hints["time_source"])} <= texts


def test_the_schema_is_that_of_what_is_written(root: Path) -> None:
    # python -c 'from native_host.files.report_fields import Report as R
    # print(R.schema_text(), end="")' >docs/reference/verification-report.schema.json
    assert (root / SCHEMA).read_text(encoding="utf-8") == Report.schema_text()
