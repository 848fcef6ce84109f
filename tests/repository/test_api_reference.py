# SPDX-License-Identifier: MIT
"""The API reference has each public name, with what its docstring says."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guide import DOCS, blocks
from tools.api_reference import MODULES

#: Prints each public name without a docstring, and writes the pages.
_BUILD = """
import sys
from pathlib import Path
from pdoc import doc
from tools.api_reference import load, write

modules = load()
for module in modules.values():
    for member in (module, *module.members.values()):
        if not member.docstring:
            print(member.fullname)
        if isinstance(member, doc.Class):
            for own in member.own_members:
                # A docstring of a class says what its fields are.
                hidden = own.name.startswith("_")
                if isinstance(own, doc.Function) and not (hidden or own.docstring):
                    print(own.fullname)
write(modules, Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def built(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """The folder of the pages, and the lines of output and warnings."""
    folder = tmp_path_factory.mktemp("reference")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", _BUILD, folder],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder, done.stdout.splitlines()


def test_each_public_name_has_a_docstring(built: tuple[Path, list[str]]) -> None:
    assert built[1] == []


def test_each_module_has_a_page_that_loads_nothing_from_elsewhere(
    built: tuple[Path, list[str]],
) -> None:
    folder, _ = built
    pages = [folder / f"{name.replace('.', '/')}.html" for name in MODULES]
    assert {*folder.rglob("*.html")} == {*pages, folder / "index.html"}
    for page in pages:
        text = page.read_text()
        assert "undocumented" not in text
        for loading in ('src="http', 'rel="stylesheet"', "@import"):
            assert loading not in text, page
    assert "the person who is logged in" in (folder / "kortilla/flask.html").read_text()


def test_what_the_examples_import_is_in_the_reference() -> None:
    imported = {
        node.module
        for guide in DOCS.glob("*.md")
        for block in blocks(guide.name, "python")
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    ours = {name for name in imported if name.split(".")[0] == "kortilla"}
    assert len(ours) > 15
    assert ours - set(MODULES) == set()
