# SPDX-License-Identifier: MIT
"""The texts name only what the program has."""

import importlib
import json
import re
import tomllib
from pathlib import Path

import native_host
import tools.demo
from native_host.errors import KortillaError


def test_the_first_screen_of_the_readme_has_the_two_commands(
    texts: dict[str, str],
) -> None:
    screen = texts["README.md"].splitlines()[:24]
    assert {"git clone <this repository>", "make demo", "make test"} <= {
        line.split("  #")[0].strip() for line in screen
    }


def test_the_readme_names_only_targets_that_exist(texts: dict[str, str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", texts["Makefile"], re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", texts["README.md"]))
    assert {"demo", "test"} <= named <= targets


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
    assert {kind.code for kind in error_classes()} == told - {"NO_READER", "NO_CARD"}


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
