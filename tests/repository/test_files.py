# SPDX-License-Identifier: MIT
"""Rules for every file of the repository, and what names it."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

import native_host
import tools.demo
from native_host.errors import KortillaError
from tools.mutations import MutationError, files_with_tests, load, product

#: These have no comments, or are licensed as a whole by LICENSE.
WITHOUT_LICENCE_LINE = {".json", ".md", ".svg", ".txt", ".typed"}


def test_sources_name_their_licence(texts: dict[str, str]) -> None:
    sources = {
        name: text
        for name, text in texts.items()
        if text
        and PurePath(name).suffix not in WITHOUT_LICENCE_LINE
        and not PurePath(name).name.startswith(".")
        and name != "LICENSE"
    }
    assert len(sources) > 30
    assert [
        name
        for name, text in sources.items()
        if "SPDX-License-Identifier: MIT" not in "".join(text.splitlines()[:3])
    ] == []


def test_no_certificate_or_key_is_committed(texts: dict[str, str]) -> None:
    suffixes = {".pem", ".crt", ".cer", ".der", ".p12", ".pfx", ".key"}
    assert [name for name in texts if PurePath(name).suffix in suffixes] == []
    armour = re.compile(r"-----BEGIN [A-Z ]+-----\s+[A-Za-z0-9+/=]{32}")
    assert [name for name, text in texts.items() if armour.search(text)] == []


def test_each_mutation_has_a_name_its_text_once_and_its_test() -> None:
    sources, tests = product(), files_with_tests()
    wrong = []
    for mutation in load():
        try:
            mutation.place(sources)
            mutation.tests(tests)
        except MutationError as error:
            wrong.append(f"{mutation.name}: {error}")
    assert wrong == []
    names = [each.name for each in load()]
    assert len(set(names)) == len(names)


def test_the_readme_names_only_targets_that_exist(texts: dict[str, str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", texts["Makefile"], re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", texts["README.md"]))
    assert {"demo", "test"} <= named <= targets
    screen = texts["README.md"].splitlines()[:24]
    assert {"git clone <this repository>", "make demo", "make test"} <= {
        line.split("  #")[0].strip() for line in screen
    }


def test_one_version_everywhere(texts: dict[str, str]) -> None:
    pyproject = tomllib.loads(texts["pyproject.toml"])
    manifest = json.loads(texts["extension/manifest.json"])
    versions = {pyproject["project"]["version"], manifest["version"]}
    assert versions == {native_host.VERSION}


def test_the_codes_of_the_protocol_are_those_of_the_errors(
    texts: dict[str, str],
) -> None:
    rows = re.findall(
        r"^\| (`[A-Z_`, ]+`) \| ([A-Z ]+) \|", texts["PROTOCOL.md"], re.MULTILINE
    )
    told = {
        code
        for codes, givers in rows
        for code in re.findall(r"[A-Z_]+", codes)
        if {"H", "L", "P"} & set(givers.split())
    }
    # These two have no class: they are only reasons of a cancellation.
    codes = {kind.code for kind in error_classes()} | {*codes_without_class()}
    assert codes == told - {"NO_READER", "NO_CARD"}


def codes_without_class() -> Iterator[str]:
    """Yield the codes with which errors of a common class are made."""
    for file in Path(native_host.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                named = {each.arg: each.value for each in node.keywords}
                if isinstance(code := named.get("code"), ast.Constant):
                    yield str(code.value)


def error_classes() -> set[type[KortillaError]]:
    """Return the classes of all errors with a code.

    Imports the modules that define errors, and not the windows.
    """
    for package in (native_host, tools.demo):
        for file in Path(package.__path__[0]).rglob("*.py"):
            if re.search(r"^class \w+\([^)]*Error\b", file.read_text(), re.MULTILINE):
                place = file.relative_to(package.__path__[0]).with_suffix("")
                importlib.import_module(".".join([package.__name__, *place.parts]))
    found: set[type[KortillaError]] = set()
    unseen = [KortillaError]
    while unseen:
        kind = unseen.pop()
        found.add(kind)
        unseen += kind.__subclasses__()
    ours = ("native_host.", "tools.")
    return {kind for kind in found if kind.__module__.startswith(ours)}


def imported(file: Path) -> set[str]:
    """Return the names of all modules that a file imports, on any level."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return names


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("kortilla", r"(native_host|PySide6|smartcard|tools)\b"),
        # What both sides use imports nothing else of ours. How locks differ between
        # systems has one place, and which files are read.
        (
            "kortilla/mock_card",
            r"(native_host|tests|tools|kortilla(?!\.mock_card|\.common\.(locks|files)))\b",
        ),
        ("kortilla/common", r"(native_host|tests|tools|kortilla(?!\.common))\b"),
    ],
)
def test_the_library_imports_neither_the_program_nor_qt(
    root: Path, folder: str, forbidden: str
) -> None:
    files = list((root / folder).rglob("*.py"))
    assert len(files) > 4
    importing = {
        (str(file.relative_to(root)), name)
        for file in files
        for name in imported(file)
        if re.match(forbidden, name)
    }
    assert importing == set()


def test_what_testers_import_brings_no_program_no_qt_and_no_pcsc() -> None:
    """Each public name is requested, which imports the module that defines it."""
    program = """
import sys
import kortilla, kortilla.testing
assert "kortilla.mock_card.state" not in sys.modules  # names are imported when used
for package in (kortilla.testing, kortilla):
    assert not hasattr(package, "authenticate")
    for name in package.__all__:
        getattr(package, name)
import kortilla.testing.pytest_plugin
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(finished.stdout.split())
    assert "kortilla" in loaded
    assert not loaded & {"native_host", "PySide6", "smartcard"}
