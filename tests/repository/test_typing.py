# SPDX-License-Identifier: MIT
"""The installed packages are typed, so a service's type checker finds errors."""

import json
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.guide import blocks

TYPED = Path(__file__).parent / "typed"
#: The example of a test imports `signing`, which imports `service`.
NAMES = {("login", 0): "service.py", ("signing", 0): "signing.py"}


@pytest.fixture(scope="module")
def project(
    root: Path, wheel_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project with the installed wheel and this environment's dependencies."""
    folder = tmp_path_factory.mktemp("project")
    venv.create(folder / ".venv")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline"]
    python = str(folder / ".venv/bin/python")
    install = [*uv, "--no-deps", "--python", python, str(wheel_file)]
    subprocess.run(install, check=True)
    [packages] = folder.glob(".venv/lib/python3*/site-packages")
    assert (packages / "kortilla/py.typed").is_file()
    # Python processes no .pth in a folder that a .pth adds, so the checkout stays out.
    (packages / "here.pth").write_text("\n".join(site.getsitepackages()))
    examples = folder / "examples"
    examples.mkdir()
    for guide in ("login", "login-reference", "signing", "testers", "operations"):
        for number, example in enumerate(blocks(f"{guide}.md", "python")):
            # Django is published without types, and neither checker takes that.
            if "import settings" not in example:
                name = NAMES.get(
                    (guide, number), f"{guide.replace('-', '_')}_{number}.py"
                )
                (examples / name).write_text(example)
    for file in (root / "examples").glob("*/*.py"):
        name = f"{file.parent.name.replace('-', '_')}_{file.name}"
        (examples / name).write_text(file.read_text())
    for file in TYPED.glob("[!_]*.py"):
        (folder / f"typed_{file.name}").write_text(file.read_text())
    (folder / "mypy.ini").write_text(
        # The JSON of an aiohttp request, as an example uses it, has no known type.
        "[mypy]\nstrict = True\nmypy_path = examples\n"
        "[mypy-typed_service]\ndisallow_any_expr = True\n"
        # No public name shows what these modules have.
        "[mypy-playwright._impl.protocol.*,playwright._impl._protocol,rich.*]\n"
        "follow_imports = skip\n"
    )
    pyright = {
        "typeCheckingMode": "strict",
        "venvPath": ".",
        "venv": ".venv",
        "executionEnvironments": [{"root": "examples"}, {"root": "."}],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(pyright))
    return folder


def files(project: Path) -> list[Path]:
    """Return the files to check."""
    return [*project.glob("*.py"), *project.glob("examples/*.py")]


def test_mypy_knows_the_type_of_all_that_a_service_uses(project: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--no-error-summary"),
            # Each run has a new project: nobody would read a cache.
            "--cache-dir=/dev/null",
            *("--python-executable", ".venv/bin/python"),
            *map(str, files(project)),
        ],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_pyright_knows_it_too_in_its_strict_mode(root: Path, project: Path) -> None:
    done = subprocess.run(
        [root / "node_modules/.bin/pyright", "--outputjson"],
        cwd=project,
        stdout=subprocess.PIPE,
        check=False,
    )
    found = json.loads(done.stdout)
    assert found["generalDiagnostics"] == []
    assert found["summary"]["filesAnalyzed"] == len(files(project))
