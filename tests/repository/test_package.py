# SPDX-License-Identifier: MIT
"""What is in the wheel, in Debian's package and in the archives for the stores."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from native_host import VERSION
from native_host.cli import program
from tools.pack_extension import EXTENSION, LEFT_OUT, pack


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> tuple[set[str], Message]:
    """Return the names of the wheel's files, and its metadata."""
    with zipfile.ZipFile(wheel_file) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        return names, message_from_bytes(archive.read(metadata))


def test_the_data_of_the_program_come_along(
    texts: dict[str, str], wheel: tuple[set[str], Message]
) -> None:
    names, _ = wheel
    packages = ("native_host/", "kortilla/")
    assert {name for name in texts if name.startswith(packages)} <= names
    manifests = {
        name.replace("manifests/", "native_host/install/data/")
        for name in texts
        if name.startswith("manifests/")
    }
    assert manifests
    assert manifests <= names
    guides = {
        f"native_host/desktop/guides/{name.removeprefix('docs/')}": text
        for name, text in texts.items()
        if name.startswith("docs/citizens/")
    }
    pictures = {
        f"native_host/desktop/guides/screenshots/{name}"
        for text in guides.values()
        for name in re.findall(r"screenshots/([^)]+)", text)
    }
    assert guides
    assert pictures
    found = {name for name in names if "/desktop/guides/" in name}
    assert found == guides.keys() | pictures
    folders = {name.split("/")[0] for name in names}
    assert folders == {"native_host", "kortilla", f"kortilla-{VERSION}.dist-info"}


def test_the_extension_comes_along_for_browser_tests(
    files: set[str], wheel: tuple[set[str], Message]
) -> None:
    names, _ = wheel
    folder = "native_host/browser_testing/"
    extension = {f"{folder}{name}" for name in files if name.startswith("extension/")}
    assert f"{folder}extension/manifest.json" in extension
    assert {name for name in names if name.startswith(f"{folder}ext")} == extension


def test_a_server_installs_neither_qt_nor_pcsc(
    wheel: tuple[set[str], Message],
) -> None:
    _, metadata = wheel
    requirements = metadata.get_all("Requires-Dist") or []
    server = [line for line in requirements if "extra ==" not in line]
    assert any(line.startswith("aiohttp>=") for line in server)
    assert not any(line.lower().startswith(("pyscard", "pyside")) for line in server)


#: Imports each of our modules below a folder, except those that run at once. Prints
#: those that lack a module of ours, with its name.
IMPORT_ALL = """
import importlib, json, pathlib, sys
sys.path.insert(0, sys.argv[1])
lacking = {}
for package in ("kortilla", "native_host"):
    for file in pathlib.Path(sys.argv[1], package).rglob("*.py"):
        name = ".".join(file.relative_to(sys.argv[1]).with_suffix("").parts)
        if name.endswith("__main__"):
            continue
        try:
            importlib.import_module(name.removesuffix(".__init__"))
        except ModuleNotFoundError as error:
            if error.name.startswith(("kortilla.", "native_host.")):
                lacking[name] = error.name
        except ImportError:
            pass  # a library of the system is missing here
assert sys.modules["kortilla.mock_card"].__file__.startswith(sys.argv[1])
print(json.dumps(lacking))
"""


ADDED = {
    "kortilla/added.py",
    "kortilla/mock_card/added.py",
    "kortilla/mock_card/added_too/__init__.py",
    "kortilla/signing/added.py",
    "native_host/added.py",
}


@pytest.fixture(scope="module")
def modules(
    files: set[str], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The modules that the package has after some were added to the sources."""
    sources = tmp_path_factory.mktemp("sources")
    folders = ("kortilla/", "native_host/", "manifests/", "extension/")
    alone = {"pyproject.toml", "README.md", "LICENSE", "packaging/debian/modules"}
    alone.add("packaging/guides.py")
    for name in files:
        if name.startswith(folders) or name in alone:
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, sources / name)
    for name in ADDED:
        (sources / name).parent.mkdir(exist_ok=True)
        (sources / name).touch()
    target = tmp_path_factory.mktemp("modules")
    script = sources / "packaging/debian/modules"
    subprocess.run([script, sys.executable, target], check=True)
    return target


def test_the_package_has_each_module_that_the_program_shares_and_no_list_of_them(
    files: set[str], modules: Path
) -> None:
    there = {str(each.relative_to(modules)) for each in modules.rglob("*.py")}
    names = ("common", "mock_card", "revocation", "signing", "validation")
    shared = tuple(f"kortilla/{each}/" for each in names)
    assert {each for each in files if each.startswith(shared)} <= there
    assert there >= ADDED
    of_services = ("cli", "client", "openid", "redis", "testing", "web")
    folders = tuple(f"kortilla/{each}/" for each in of_services)
    assert not {each for each in there if each.startswith(folders)}


def test_the_program_lacks_no_module_in_the_package(modules: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-I", "-c", IMPORT_ALL, modules],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(finished.stdout) == {}


def test_the_manual_page_names_each_command(texts: dict[str, str]) -> None:
    page = texts["packaging/debian/kortilla.1"].replace("\\-", "-")
    section = page.partition(".SH COMMANDS")[2].partition(".PP")[0]
    named = re.findall(r"^\.TP\n\.B (.+)$", section, re.MULTILINE)
    assert named == sorted(program._COMMANDS)


def test_each_requirement_of_the_program_is_debians_or_comes_along(
    texts: dict[str, str],
) -> None:
    control = texts["packaging/debian/control"]
    [depends] = re.findall(r"^Depends: (.+)$", control, re.MULTILINE)
    vendored = re.findall(
        r'^"\$here/vendored" "\$python" "\$\w+" (.+)$',
        texts["packaging/debian/build"],
        re.MULTILINE,
    )
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["host"], *extras["signing"]]
    names = {re.split(r"[\[<>=!; ]", each)[0].lower() for each in wanted}
    there = {
        re.sub(r"^python3-", "", each.split()[0].split(".")[0])
        for each in depends.split(", ")
    }
    there = {each.replace("pyside6", "pyside6-essentials") for each in there}
    assert names <= there | set(" ".join(vendored).split())


def test_the_package_needs_each_module_of_qt_that_the_window_has(
    texts: dict[str, str],
) -> None:
    used = {
        module
        for name, text in texts.items()
        if name.startswith("native_host/")
        for module in re.findall(
            r"^\s*(?:from|import) PySide6\.(\w+)", text, re.MULTILINE
        )
    }
    control = texts["packaging/debian/control"]
    assert used
    assert {m for m in used if f"python3-pyside6.{m.lower()}" not in control} == set()


@pytest.mark.parametrize("browser", LEFT_OUT)
def test_an_archive_has_the_files_as_they_are_and_the_same_bytes_each_time(
    browser: str, tmp_path: Path
) -> None:
    for name in ("archive", "again"):
        pack(tmp_path / name, browser)
    assert (tmp_path / "archive").read_bytes() == (tmp_path / "again").read_bytes()
    with zipfile.ZipFile(tmp_path / "archive") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = {
        each.relative_to(EXTENSION).as_posix(): each.read_bytes()
        for each in EXTENSION.rglob("*")
        if each.is_file()
    }
    manifest = json.loads(packed.pop("manifest.json"))
    expected = json.loads(files.pop("manifest.json"))
    assert packed == files
    assert "key" not in manifest
    assert manifest == {
        key: value for key, value in expected.items() if key not in LEFT_OUT[browser]
    }
