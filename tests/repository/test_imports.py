# SPDX-License-Identifier: MIT
"""No two files of the program import each other, also not for their types."""

import ast
from collections.abc import Container, Iterator
from pathlib import Path

Imports = dict[str, set[str]]


def imports(folder: Path, *packages: str) -> Imports:
    """Return what each module of some packages imports of them."""
    modules = {
        ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for package in packages
        for file in (folder / package).rglob("*.py")
    }
    return {
        name: {each for each in _imported(file, modules.keys()) if each != name}
        for name, file in modules.items()
    }


def _imported(file: Path, known: Container[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import(names=aliases):
                yield from (each.name for each in aliases)
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for each in aliases:
                    submodule = f"{module}.{each.name}"
                    yield submodule if submodule in known else module


def circles(found: Imports) -> set[tuple[str, str]]:
    """Return the pairs of modules that import each other."""
    return {
        (one, other)
        for one, others in found.items()
        for other in others
        if one < other and one in found.get(other, ())
    }


def test_no_two_files_import_each_other(root: Path) -> None:
    assert circles(imports(root, "kortilla", "native_host")) == set()


def test_a_circle_is_found(tmp_path: Path) -> None:
    for name, source in {
        "a": "from p import b",
        "b": "if TYPE_CHECKING:\n    from p.a import A",
        "c": "import p.a",
    }.items():
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(source)
    assert circles(imports(tmp_path, "p")) == {("p.a", "p.b")}
