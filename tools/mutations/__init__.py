# SPDX-License-Identifier: MIT
"""Faults that a change of the code could bring, and the test that must notice each.

``mutations.toml`` has them. A mutation names no file, so it survives that code moves.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_TABLE = Path(__file__).with_name("mutations.toml")
#: Folders of the product, and what its code is named.
_PRODUCT = ("extension", "kortilla", "native_host")
_CODE = {".js", ".py"}


class MutationError(Exception):
    """A mutation whose text or test is not in the checkout."""


@dataclass(frozen=True)
class Mutation:
    """One fault: ``old`` becomes ``new``, and ``test`` must fail."""

    name: str
    old: str
    new: str
    test: str

    def place(self, sources: dict[Path, str]) -> Path:
        """Return the file of the product with the text.

        Raises ``MutationError`` unless the text occurs exactly once.
        """
        counts = {path: text.count(self.old) for path, text in sources.items()}
        found = [path for path, count in counts.items() for _ in range(count)]
        if len(found) != 1:
            names = ", ".join(map(str, found)) or "nowhere"
            raise MutationError(f"its text is not there once, but in: {names}")
        return found[0]

    def tests(self, sources: dict[Path, str]) -> list[str]:
        """Return the node ids of pytest for the test, or ``FILE::TITLE`` for Node.js.

        A name may occur in several files. Raises ``MutationError`` without any.
        """
        if self.is_python:
            name, bracket, parameters = self.test.partition("[")
            found = [
                f"{path}::{each}{bracket}{parameters}"
                for path, text in sources.items()
                if path.suffix == ".py" and f"def {name}(" in text
                for each in _functions(ast.parse(text).body, name)
            ]
        else:
            title = re.compile(rf'^test\(\s*"{re.escape(self.test)}"', re.MULTILINE)
            found = [
                f"{path}::{self.test}"
                for path, text in sources.items()
                if path.suffix == ".mjs" and title.search(text)
            ]
        if not found:
            raise MutationError(f"its test is not there: {self.test}")
        return found

    @property
    def is_python(self) -> bool:
        """Whether pytest runs the test."""
        return self.test.startswith("test_")


def _functions(body: list[ast.stmt], name: str) -> Iterator[str]:
    """Yield a function of a module, and of its classes, as pytest names them."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{each}" for each in _functions(node.body, name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from [name] * (node.name == name)


def load() -> list[Mutation]:
    """Return all mutations."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return [Mutation(**each) for each in table["mutation"]]


def product(root: Path = ROOT) -> dict[Path, str]:
    """Return the product's code by its path from the root."""
    return {
        path: text
        for folder in _PRODUCT
        for path, text in _sources(root, folder)
        if path.suffix in _CODE
    }


def files_with_tests(root: Path = ROOT) -> dict[Path, str]:
    """Return the files with tests by their path from the root."""
    return {
        path: text
        for path, text in _sources(root, "tests")
        if path.name.startswith("test_") or path.name.endswith(".test.mjs")
    }


def _sources(root: Path, folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((root / folder).rglob("*.*")):
        if path.suffix in {*_CODE, ".mjs"}:
            yield path.relative_to(root), path.read_text(encoding="utf-8")
