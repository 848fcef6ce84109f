# SPDX-License-Identifier: MIT
"""Helps, messages and errors of the commands in the person's language."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from native_host.cli import program, spoken
from native_host.desktop.texts import Texts
from native_host.texts.language import SPOKEN
from tests.cli.conftest import Run

OTHERS = [each for each in SPOKEN if each != "en"]
#: What stands in the code and is never said.
UNSAID = re.compile(
    r"\{0\}: kortilla|kortilla pkcs11 |hash \{0\}|PUK \{0\}|native_host|\{0\} and |[<=]"
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.fixture(params=OTHERS)
def language(request: pytest.FixtureRequest, configure: Callable[[str], Path]) -> str:
    """A language other than English, which the configuration has."""
    configure(f'language = "{request.param}"')
    spoken.choose([])
    return str(request.param)


def commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below)


def helps() -> set[str]:
    found = {each.help for each in program._COMMANDS.values()}
    for command in commands(program._kortilla):
        found |= {command.help or ""}
        options = [e for e in command.params if isinstance(e, click.Option)]
        found |= {each.help or "" for each in options if not each.hidden}
    return {spoken.plain(each) for each in found if each}


def messages() -> set[str]:
    """Return the sentences in the code of the commands, apart from helps."""
    found: set[str] = set()
    for path in Path(program.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        unsaid: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) or (
                isinstance(node, ast.keyword) and node.arg == "help"
            ):
                value = node.value if isinstance(node, ast.keyword) else node.body[0]
                unsaid |= (
                    {id(each) for each in ast.walk(value)}
                    if isinstance(value, ast.Expr | ast.Constant)
                    else set()
                )
            if isinstance(node, ast.JoinedStr):
                unsaid |= {id(each) for each in node.values}
        for node in ast.walk(tree):
            text = "" if id(node) in unsaid else template(node)
            if re.search(r"[a-z] [a-z]|^--\S+ ", text) and not UNSAID.search(text):
                found.add(text.strip())
    return found


def template(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = [e.value if isinstance(e, ast.Constant) else "{}" for e in node.values]
    numbers = iter(range(len(parts)))
    return re.sub(r"\{\}", lambda _: f"{{{next(numbers)}}}", "".join(map(str, parts)))


def test_each_help_is_known_in_each_language_and_all_that_is_known_is_whole() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANG", "C")
        spoken.choose([])
        wanted = helps()
    for language in OTHERS:
        known = spoken.catalogue(language)
        assert wanted <= {*known}, wanted - {*known}
        assert list(known) == list(spoken.catalogue(OTHERS[0]))
        for english, text in known.items():
            fields = re.findall(r"{\w+}", english.replace("!r", ""))
            if not english.startswith("error."):
                said = {*re.findall(r"{\w+}", text.replace("!r", ""))}
                assert said == {*fields} - {"{number_type}"}, english


def test_each_message_of_a_command_is_known_in_the_language(language: str) -> None:
    found = messages()
    assert len(found) > 60
    unknown = {
        text
        for text in found
        if spoken.translate(re.sub(r"{\w+}", "X", text)) == re.sub(r"{\w+}", "X", text)
    }
    assert unknown == set()


@pytest.mark.usefixtures("language")
def test_a_list_of_commands_fits_in_each_language(run: Run) -> None:
    for command in ("card", "mock-card", "pkcs11", "recipients", "trust"):
        outcome = run(command, "--help", json=False)
        assert not [each for each in outcome.lines[1:] if each.endswith("...")]


def test_the_configuration_the_option_and_the_system_choose_the_language(
    run: Run, configure: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "sv_FI.UTF-8")
    assert "Användning: kortilla" in run("--help", json=False).words
    configure("language = 'fi'")
    assert "Käyttö: kortilla" in run("--help", json=False).words
    outcome = run("card", "status", "--lang", "en", "--help", json=False)
    assert "Usage: kortilla card status" in outcome.words
    configure("language = 'system'")
    assert "Användning: kortilla" in run("--help", json=False).words


def test_words_are_finnish_and_json_is_not(
    run: Run, configure: Callable[[str], Path]
) -> None:
    configure("language = 'fi'")
    for words, english, finnish in (
        ("sign --fly", "No such option", "Virhe: Valintaa '--fly' ei ole."),
        ("encrypt", "Missing argument 'TIEDOSTO...'.", "Puuttuva argumentti"),
        ("doctor --yes", "--yes goes with --fix.", "Virhe: Valinta --yes tarvitsee"),
        ("sign --level t a", "--level t needs --tsa.", "Valinta --level t tarvitsee"),
    ):
        outcome = run(*words.split())
        assert outcome.status == 2
        assert outcome.result["error"] == {
            "code": "INVALID_ARGUMENT",
            "message": outcome.result["error"]["message"],
        }
        assert english.partition("'")[0] in outcome.result["error"]["message"]
        assert finnish in outcome.words
    outcome = run(*["identify", "--origin", "http://service.example", "--nonce", "x"])
    assert (outcome.status, outcome.error) == (1, "ORIGIN_REFUSED")
    assert "Tämän osoitteen palvelu ei saa pyytää." in outcome.words


def test_a_file_that_is_refused_is_told_as_in_the_window(
    run: Run, configure: Callable[[str], Path], tmp_path: Path
) -> None:
    configure("language = 'sv'")
    (tmp_path / "a.pdf").mkdir()
    words = ("sign", "a.pdf", "--card", "mock", "--prompt", "automatic")
    outcome = run(*words)
    assert (outcome.status, outcome.error) == (1, "FILE_NOT_SIGNABLE")
    assert outcome.result["error"]["message"].startswith("a.pdf: This is not a file")
    assert Texts("sv")("not_signed.kind", name="a.pdf") in outcome.words
